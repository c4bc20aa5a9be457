# The commands of this project; `make` lists them. PYTHON chooses the interpreter that .venv is
# made from (`make clean` first to change it): make PYTHON=python3.12 test
PYTHON ?= python3
# Two test processes, each with whole files, so that what a file prepares is prepared once.
PYTEST_ARGS ?= -n 2 --dist loadfile
STUDY_ARGS ?=
# What also runs without compiled kernels: the numbers of published settings, random streams, and
# training by pulses.
IN_NUMPY := tests/project/test_golden.py tests/adapters/torch/test_torch_golden.py tests/randomness \
  tests/kernels/test_kernels.py tests/multiply/test_converter_noise.py tests/update/test_update_array.py \
  tests/adapters/aihwkit/test_aihwkit_training.py

VENV := .venv
RUN := $(VENV)/bin/python
INSTALL = $(RUN) -m pip install --quiet --disable-pip-version-check -c constraints.txt
NEEDS := setup.cfg pyproject.toml constraints.txt

.DEFAULT_GOAL := help
.PHONY: help setup study test test-slow check format lint types sizes tests bench gpu clean
.DELETE_ON_ERROR:

help:  ## list the commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))

$(VENV)/made:
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 10) <= sys.version_info[:2] <= (3, 13))' || \
	  { echo "OhmCore needs Python 3.10 to 3.13, and $(PYTHON) is not; try: make PYTHON=python3.12"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	@touch $@

$(VENV)/study-installed: $(VENV)/made $(NEEDS)
	@echo "installing what the study needs into $(VENV)"
	$(INSTALL) -e ".[study]"
	@touch $@

$(VENV)/test-installed: $(VENV)/made $(NEEDS)
	@echo "installing what the tests need into $(VENV)"
	$(INSTALL) -e ".[test,dev,study,lab,torch,keras,fast]"
	@touch $@ $(VENV)/study-installed

$(VENV)/all-installed: $(VENV)/made $(NEEDS)
	@echo "installing everything into $(VENV)"
	$(INSTALL) -e ".[fast,torch,keras,plot,study,test,docs,dev]"
	@touch $@ $(VENV)/test-installed $(VENV)/study-installed

setup: $(VENV)/all-installed  ## install everything into .venv, compiled kernels and torch included

study: $(VENV)/study-installed  ## how analog hardware changes a real classifier; a page in results/
	$(RUN) -m applications.mvm_study $(STUDY_ARGS)

test: $(VENV)/test-installed check  ## install what is needed, then all checks and tests

check: $(VENV)/test-installed format lint types sizes tests  ## format, lint, types, sizes, tests

format: $(VENV)/test-installed
	$(RUN) -m ruff format --check .

lint: $(VENV)/test-installed
	$(RUN) -m ruff check .

types: $(VENV)/test-installed
	$(RUN) -m mypy simulator

sizes: $(VENV)/test-installed
	$(RUN) tests/sizes.py

tests: $(VENV)/test-installed
	$(RUN) -m pytest $(PYTEST_ARGS) -m "not slow and not gpu"
	OHMCORE_KERNELS=reference $(RUN) -m pytest $(PYTEST_ARGS) $(IN_NUMPY) -m "not slow and not gpu"

test-slow: $(VENV)/test-installed  ## the tests that take more than a few seconds
	$(RUN) -m pytest -m "slow and not gpu"

bench: $(VENV)/test-installed  ## time the engine on this machine; a table in benchmarks/results/
	$(RUN) -m benchmarks.run

gpu: $(VENV)/test-installed  ## tests and timings on a CUDA device (install the extra gpu12 or gpu13)
	$(RUN) -m pytest -m gpu
	$(RUN) -m benchmarks.gpu

clean:  ## remove .venv, caches and build products; results/ stays
	rm -rf $(VENV) build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
