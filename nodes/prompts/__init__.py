"""DALL·E prompt → FLUX prompt."""
