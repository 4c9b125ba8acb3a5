# What a person types; each target says what it does and what to look at.
PYTHON ?= python3
VENV   := .venv
KIT    := $(VENV)/bin/kit

.DEFAULT_GOAL := help
.PHONY: help demo test test-all chaos bench lint lock serve clean

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

demo: $(VENV)/.run ## rehearse the whole 2020 season into build/demo/ (no server, no root)
	@echo "Playing the season of 2020 under a simulated clock: twelve mailings, 100 subscribers …"
	@$(KIT) rehearse schedules/municipaless-2020.yaml --subscribers 100 --out build/demo
	@echo
	@echo "To look at:"
	@echo "  build/demo/report.html        the calendar, each mail beside its page, the counts"
	@echo "  build/demo/site/index.html    the public site at the end of the season"
	@echo "  build/demo/kit/kit.pdf        the final kit (also .epub, .html, .zip)"
	@echo "  build/demo/mailbox/           the mails, a Maildir for any mail program"
	@echo "Then: make serve"

serve: $(VENV)/.run ## run everything on http://127.0.0.1:8000/ (nothing leaves this machine)
	@$(KIT) serve

test: $(VENV)/.dev ## run the tests and the checks
	@echo "Checks: ruff, mypy, import-linter, kit check …"
	@$(VENV)/bin/ruff check pipeline tests
	@$(VENV)/bin/ruff format --check --quiet pipeline tests
	@$(VENV)/bin/mypy
	@$(VENV)/bin/lint-imports --no-logo 2>/dev/null || $(VENV)/bin/lint-imports
	@$(KIT) check
	@echo "Tests: rooms, pages, real processes (Redis, Celery, SMTP, PostgreSQL) …"
	@$(VENV)/bin/python -m pytest -q -m "not long" -n 2
	@echo "All good. Next: make demo, then open build/demo/report.html"

test-all: $(VENV)/.dev ## run the tests, the long ones included
	@$(MAKE) --no-print-directory test
	@$(VENV)/bin/python -m pytest -q -m long

chaos: $(VENV)/.dev ## break everything while mails go out, and count who got what (25 minutes; build/chaos.json)
	@$(VENV)/bin/python -m tests.faults.chaos
	@echo "What the table means: docs/developer.md"

bench: $(VENV)/.run ## measure the sending path on this machine (figures in build/bench.json)
	@mkdir -p build
	@$(KIT) bench send --recipients 20000 --compare --json build/bench.json
	@echo "How to read it: docs/performance.md"

lint: $(VENV)/.dev ## what the checks would say, and format the code
	@$(VENV)/bin/ruff check --fix pipeline tests
	@$(VENV)/bin/ruff format pipeline tests
	@$(VENV)/bin/mypy
	@$(VENV)/bin/lint-imports

clean: ## remove what was built here (not the data in var/)
	@rm -rf build $(VENV) *.egg-info

lock: ## pin every dependency with its hashes (needs uv)
	uv pip compile -q --generate-hashes --no-emit-index-url --no-annotate --python-version 3.11 --universal requirements/run.in -o requirements/run.txt
	uv pip compile -q --generate-hashes --no-emit-index-url --no-annotate --python-version 3.11 --universal -c requirements/run.txt requirements/dev.in -o requirements/dev.txt
