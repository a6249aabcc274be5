# On Windows, or without make: python tests/run.py demo | canvas | test | bench
PYTHON ?= python3

.PHONY: demo canvas test bench
demo canvas test bench:
	@$(PYTHON) tests/run.py $@
