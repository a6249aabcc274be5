"""What goes over the wire: requests, replies and errors of the Images API. Without ComfyUI, for a fleet too."""
