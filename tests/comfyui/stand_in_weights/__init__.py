"""What stand-in weights are made of, one kind of model a file; `comfyui.weights` says which files they become."""
