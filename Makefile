# make install | demo | test | test-root | check | bench | pictures | lock
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
ARGS ?=

.PHONY: install demo test test-root check bench pictures lock clean
.DEFAULT_GOAL := install

install: $(VENV)/.installed

$(VENV)/.installed: .ci/requirements.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Steward needs Python 3.11 or later: make PYTHON=python3.11")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r .ci/requirements.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --no-index -e .
	@touch $@

demo: install
	$(BIN)/steward demo $(ARGS)

test: install check
	$(BIN)/python -m pytest -n auto --dist worksteal $(ARGS)

# As root: a real small file system.
test-root: install
	STEWARD_ROOT_TESTS=1 $(BIN)/python -m pytest tests/root $(ARGS)

check: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

bench: install
	$(BIN)/python -m tests.bench $(ARGS)

# Remakes screenshots/ from a real run.
pictures: install
	$(BIN)/python -m tests.console.pictures

# Pinned versions with hashes, for every platform that has wheels; names no index.
lock:
	$(PYTHON) -m venv .venv/lock
	.venv/lock/bin/python -m pip install --quiet --disable-pip-version-check pip-tools
	.venv/lock/bin/pip-compile --quiet --generate-hashes --allow-unsafe --strip-extras --no-header --no-emit-index-url \
		--no-emit-find-links --no-emit-trusted-host --no-annotate --all-extras -o .ci/requirements.txt pyproject.toml
	rm -rf .venv/lock

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis
