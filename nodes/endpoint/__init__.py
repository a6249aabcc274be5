"""The OpenAI Images API, served by this ComfyUI's own queue."""
