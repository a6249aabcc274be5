"""Do what DALL·E did, on local FLUX."""
