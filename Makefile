# What a person types; each target says what it does and what to look at.
PYTHON ?= python3
VENV   := .venv
KIT    := $(VENV)/bin/kit

.DEFAULT_GOAL := help
.PHONY: help demo test test-all lint lock serve clean

help: ## what can be typed here
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):[^#]*## /\1\t/' | expand -t 14

$(VENV)/.run: requirements/run.txt pyproject.toml
	@echo "Setting up $(VENV) (the libraries come from PyPI, pinned with their hashes) …"
	@$(PYTHON) -m venv $(VENV)
	@$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/run.txt
	@$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check --no-build-isolation --no-deps -e .
	@touch $@

$(VENV)/.dev: $(VENV)/.run requirements/dev.txt
	@echo "Adding what the tests need …"
	@$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.txt
	@touch $@

lock: ## pin every dependency with its hashes (needs uv)
	uv pip compile -q --generate-hashes --no-emit-index-url --no-annotate --python-version 3.11 --universal requirements/run.in -o requirements/run.txt
	uv pip compile -q --generate-hashes --no-emit-index-url --no-annotate --python-version 3.11 --universal -c requirements/run.txt requirements/dev.in -o requirements/dev.txt
