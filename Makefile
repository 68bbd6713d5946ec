# The front door. `make` alone lists what there is.
.DEFAULT_GOAL := help
SHELL := /bin/sh

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
READY  := $(VENV)/.ready

.PHONY: help run up test check fmt lint types layers bench soak generate lock clean

help: ## List the targets
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1|\2/p' $(MAKEFILE_LIST) | column -t -s '|' 2>/dev/null \
	  || sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1	\2/p' $(MAKEFILE_LIST)

run: $(READY) ## See it work: simulator, gateway, worker, monitor and live traffic on this machine
	@$(BIN)/calgate demo $(ARGS)

up: $(READY) ## The gateway for real: the same without simulator and traffic (ARGS="--config calgate.toml")
	@$(BIN)/calgate up $(ARGS)

# Files side by side, the slow ones, which wait most, first; PARALLEL= runs them one after the other.
PARALLEL ?= -n 3 --dist loadfile --no-loadscope-reorder

test: $(READY) check ## Everything that must hold: lint, types, layers, and the tests on real servers
	@$(BIN)/python -m pytest $(PARALLEL) $(ARGS)

check: lint types layers ## The quick checks alone

lint: $(READY)
	@$(BIN)/ruff format --check --quiet . && $(BIN)/ruff check --quiet .

types: $(READY)
	@$(BIN)/mypy

layers: $(READY)
	@$(BIN)/lint-imports --no-logo

fmt: $(READY) ## Format and mend what can be mended by itself
	@$(BIN)/ruff format . && $(BIN)/ruff check --fix .

bench: $(READY) ## Compare speeds side by side; prints ratios
	@$(BIN)/python -m loadtest.bench $(ARGS)

soak: $(READY) ## The issue's races at full size: minutes, not seconds
	@CALGATE_SOAK=1 $(BIN)/python -m pytest tests/acceptance -p no:cacheprovider --timeout 3600 $(ARGS)

generate: $(READY) ## Write alert rules, routing and dashboards to build/
	@$(BIN)/calgate alerts --out build/alerts && $(BIN)/calgate dashboards --out build/dashboards

LOCKING := uv pip compile pyproject.toml --quiet --universal --python-version 3.11 --generate-hashes \
	  --no-emit-index-url --no-header --no-annotate

lock: ## Renew both locks on purpose (needs uv): what developers install, and its part that images need
	@$(LOCKING) --upgrade --group dev -o requirements-dev.lock
	@$(LOCKING) -c requirements-dev.lock -o requirements.lock

clean: ## Remove the environment and everything generated
	@rm -rf $(VENV) .calgate build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache *.egg-info

# The lock has a hash for every file, so what is installed is what was tested. Once made, nothing here needs
# the network again.
$(READY): requirements-dev.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "Calgate needs Python 3.11 or newer; say which with PYTHON=/path/to/python3.11" >&2; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV) \
	  || { echo "This Python cannot make environments; on Debian: apt-get install python3-venv" >&2; exit 1; }
	@echo "Installing locked dependencies into $(VENV) (once)..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@
