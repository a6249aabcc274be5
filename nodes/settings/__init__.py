"""The user's own file, `endpoints.toml`, on a page: what it says, changed by forms; keys come in and never go out."""
