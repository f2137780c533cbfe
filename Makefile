# make install | demo | test | check | attack | torture | fuzz | soak | test-root | test-power | bench | pictures | lock
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
ARGS ?=
# One more than cores: most tests wait for real processes.
WORKERS ?= $(shell expr $$(getconf _NPROCESSORS_ONLN) + 1)

.PHONY: install demo test check attack torture fuzz soak test-root test-power bench bench-compare bench-profile pictures lock clean
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
	$(BIN)/python -m pytest -n $(WORKERS) --dist worksteal $(ARGS)

# As root: a real small file system.
test-root: install
	STEWARD_ROOT_TESTS=1 $(BIN)/python -m pytest tests/root $(ARGS)

# As root: a real file system that loses what was not synced.
test-power: install
	STEWARD_ROOT_TESTS=1 $(BIN)/python -m pytest tests/power $(ARGS)

# Each at full size; make test runs a small one of them.
torture: install
	$(BIN)/python -m tests.torture $(if $(SEED),--seed $(SEED)) $(ARGS)

fuzz: install
	$(BIN)/python -m tests.fuzz $(if $(SEED),--seed $(SEED)) $(ARGS)

# Who tries what against a fleet with keys, and what took effect.
attack: install
	$(BIN)/python -m tests.attack $(if $(SEED),--seed $(SEED)) $(ARGS)

soak: install
	$(BIN)/python -m tests.soak $(ARGS)

check: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

bench: install
	$(BIN)/python -m tests.bench $(ARGS)

# Two runs by their ratios to the machine's limits: make bench-compare BASE=before.json [NEW=after.json]
bench-compare: install
	$(BIN)/python -m tests.bench.compare $(BASE) $(NEW)

# Where the time goes: make bench-profile OF=commands|events
bench-profile: install
	$(BIN)/python -m tests.bench.profile $(or $(OF),commands) $(ARGS)

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
