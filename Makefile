# On Windows, or without make: python tests/run.py demo | canvas | fleet | check | test | bench
PYTHON ?= python3

.PHONY: demo canvas fleet check test bench
demo canvas fleet check test bench:
	@$(PYTHON) tests/run.py $@
