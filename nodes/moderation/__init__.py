"""The gate: may this prompt, or this picture, pass?"""
