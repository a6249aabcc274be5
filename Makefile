# On Windows, or without make: python tests/run.py demo | canvas | fleet | check | test | bench
# make demo PROMPT="a fox" SIZE=1792x1024  is  python tests/run.py demo --prompt "a fox" --size 1792x1024
PYTHON ?= python3

# Only as given to make: zsh and Windows have a PROMPT of their own in the environment.
ifeq ($(origin PROMPT),command line)
export DALLE_FLUX_DEMO_PROMPT = $(value PROMPT)
endif
ifeq ($(origin SIZE),command line)
export DALLE_FLUX_DEMO_SIZE = $(value SIZE)
endif

.PHONY: demo canvas fleet check test bench
demo canvas fleet check test bench:
	@$(PYTHON) tests/run.py $@
