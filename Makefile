# `make verify` and `make test` set up whatever is missing in .venv and then do their job.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
PIP := $(PYTHON) -m pip --python $(BIN)/python install --quiet --disable-pip-version-check -c constraints.txt

.PHONY: verify test check bench clean

verify: $(VENV)/.run
	$(BIN)/backproof verify

test: $(VENV)/.test
	# Each worker computes on one thread: more would wait for each other.
	OPENBLAS_NUM_THREADS=1 $(BIN)/python -m pytest -n auto --dist loadgroup

# Everything that the continuous integration runs.
check:
	.ci/run

bench: $(VENV)/.test
	$(BIN)/python benchmarks/run.py

# pip lives outside the environment: Debian's python3 has no ensurepip to put one inside.
$(BIN)/python:
	$(PYTHON) -m venv --without-pip $(VENV)

$(VENV)/.run: pyproject.toml constraints.txt | $(BIN)/python
	@echo "setting up $(VENV)"
	$(PIP) -e .
	@touch $@

$(VENV)/.test: $(VENV)/.run
	@echo "adding the tests' tools to $(VENV)"
	$(PIP) -e ".[test]"
	@touch $@

# Heavy, and optional: without them the tests of those frameworks are skipped.
$(VENV)/.frameworks: $(VENV)/.test
	@echo "adding frameworks to $(VENV)"
	$(PIP) -e ".[test,torch,keras]"
	@touch $@

clean:
	rm -rf $(VENV) build
