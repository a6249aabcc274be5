"""Makes the files in workflows/ and subgraphs/ on the real canvas, from the descriptions in `shipped.py`.

`python -m workflow_maker` (from tests/, in the tests' environment) writes them all; names as arguments, only those.
"""
