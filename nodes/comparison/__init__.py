"""Side by side: what changed from DALL·E to FLUX."""
