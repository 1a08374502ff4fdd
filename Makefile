# Every target does its own set-up in .venv; only that needs the network.
PYTHON ?= python3
PYTEST_ARGS ?=
TEST_PROCESSES ?= 3
TORTURE_ROUNDS ?= 200
TORTURE_SEED ?= 1
BENCH_ARGS ?=
BENCH_ROWS ?= 10000000

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.SUFFIXES:

BIN := .venv/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
# Who runs make in another user's checkout, as in a container with a mounted one, believes it already.
TRUST := $(shell test -O settings.toml || echo WORKER_TRUST_FOLDER=1)
# Without its cache, each of pytest's processes compiles all tests again: ten seconds each.
CACHED := env -u PYTHONDONTWRITEBYTECODE
RUNTIME := .venv/.runtime-installed
DEVELOPMENT := .venv/.development-installed
AUDIT := .venv/audit/.installed
LOCKS := requirements.txt requirements-build.txt requirements-dev.txt requirements-audit.txt

COMPILE := CUSTOM_COMPILE_COMMAND="make lock" $(BIN)/pip-compile --quiet --generate-hashes --strip-extras \
	--allow-unsafe --no-emit-index-url --no-emit-trusted-host --no-emit-find-links --no-emit-options

.PHONY: help
help: ## print this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-11s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: demo
demo: $(RUNTIME) ## the main job end to end, on SQLite and the bundled sandbox, offline
	@$(TRUST) $(BIN)/envoy-worker demo

.PHONY: test
test: $(DEVELOPMENT) ## all tests, on SQLite and on PostgreSQL (PYTEST_ARGS="-k word" chooses)
	@$(CACHED) $(TRUST) $(BIN)/pytest --numprocesses=$(TEST_PROCESSES) --dist=loadfile $(PYTEST_ARGS)

.PHONY: quick
quick: $(DEVELOPMENT) ## the tests that need no database, no process and no network, in about a minute
	@$(CACHED) $(TRUST) $(BIN)/pytest --numprocesses=2 tests/unit $(PYTEST_ARGS)

.PHONY: torture
torture: $(DEVELOPMENT) ## every crash, fault and outage at full length (TORTURE_ROUNDS=200, TORTURE_SEED=1)
	@TORTURE_ROUNDS=$(TORTURE_ROUNDS) TORTURE_SEED=$(TORTURE_SEED) \
		$(BIN)/pytest -v --override-ini=faulthandler_timeout=3600 tests/torture $(PYTEST_ARGS)

.PHONY: lint
lint: $(DEVELOPMENT) ## style, types, and the direction of imports
	@$(BIN)/ruff check
	@$(BIN)/ruff format --check --quiet || { echo "run: $(BIN)/ruff format"; exit 1; }
	@$(BIN)/mypy worker jobs tests bench docs/examples
	@$(BIN)/lint-imports

.PHONY: audit
audit: $(AUDIT) ## look the lock files up in the lists of known vulnerabilities (AUDIT_ARGS="--ignore-vuln ID")
	@$(BIN)/python .ci/audit.py .venv/audit/bin/pip-audit $(LOCKS) $(AUDIT_ARGS)

.PHONY: bench
bench: $(DEVELOPMENT) ## how fast, how small: the table of docs/performance.md (BENCH_ARGS="drains idle" chooses)
	@$(BIN)/python -m bench $(BENCH_ARGS)

.PHONY: bench-quick
bench-quick: $(DEVELOPMENT) ## the same with small numbers: that each invite is sent once, and no time is judged
	@$(BIN)/python -m bench --quick $(BENCH_ARGS)

.PHONY: bench-scale
bench-scale: $(DEVELOPMENT) ## a push beside very many rows (BENCH_ROWS=10000000)
	@$(BIN)/python -m bench --rows $(BENCH_ROWS) scale

.PHONY: lock
lock: $(DEVELOPMENT) ## write the lock files anew from pyproject.toml and requirements-*.in
	@$(COMPILE) --only-build-deps --all-build-deps --output-file=requirements-build.txt pyproject.toml
	@$(COMPILE) --output-file=requirements.txt pyproject.toml
	@$(COMPILE) --output-file=requirements-dev.txt requirements-dev.in
	@$(COMPILE) --output-file=requirements-audit.txt requirements-audit.in

.PHONY: clean
clean: ## remove what the targets made, but no database other than the demo's
	rm -rf .venv demo build *.egg-info .coverage .hypothesis .mypy_cache .pytest_cache .ruff_cache
	rm -rf .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# The lock files have hashes, so nothing but what they name is ever installed.
$(RUNTIME): requirements.txt requirements-build.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Python 3.11 or newer is needed; name one: make PYTHON=python3.12 ..."; exit 1; }
	@echo "Installing into .venv; only the first time takes long."
	@$(PYTHON) -m venv --clear .venv
	@$(PIP) install --require-hashes --only-binary :all: -r requirements.txt -r requirements-build.txt
	@$(PIP) install --no-deps --no-build-isolation --editable .
	@$(BIN)/python -m compileall -q worker jobs  # or each start compiles, where it may not write beside them
	@touch $@

$(DEVELOPMENT): $(RUNTIME) requirements-dev.txt
	@$(PIP) install --require-hashes --only-binary :all: -r requirements-dev.txt
	@touch $@

$(AUDIT): $(RUNTIME) requirements-audit.txt
	@$(PYTHON) -m venv --clear .venv/audit
	@.venv/audit/bin/python -m pip --disable-pip-version-check --quiet install \
		--require-hashes --only-binary :all: -r requirements-audit.txt
	@touch $@
