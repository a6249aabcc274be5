# On Windows, or without make: python tests/run.py demo | canvas | check | test | bench
PYTHON ?= python3

.PHONY: demo canvas check test bench
demo canvas check test bench:
	@$(PYTHON) tests/run.py $@
