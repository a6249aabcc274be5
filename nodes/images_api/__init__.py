"""Talk to any endpoint that speaks OpenAI's Images API."""
