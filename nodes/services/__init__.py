"""Everything that talking to a named endpoint needs, whatever is asked of it."""
