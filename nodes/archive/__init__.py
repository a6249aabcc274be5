"""The user's old DALL·E pictures and prompts: taken in, kept, found again, redrawn."""
