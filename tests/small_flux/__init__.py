"""A FLUX.1 of five million parameters, trained on a small visual world: see README.md beside this."""
