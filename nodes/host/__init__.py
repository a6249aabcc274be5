"""The host adapter: the one place that knows which ComfyUI this is.

Everything that differs between ComfyUI 0.3.75 and the newest is feature-detected in here.

schema.py   what a node declares
running.py  threads, progress, cancelling, graphs on their way in
folders.py  the user's state and endpoints, pictures to save
models.py   model files and memory
sampling.py a batch of different prompts
"""
