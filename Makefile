.DEFAULT_GOAL := help
PYTHON := .venv/bin/python

.PHONY: help venv demo up down status clean test bench check lock docs

help: ## List the commands
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

venv: ## Make the virtual environment (all other commands do it themselves)
	@deploy/local/bootstrap.sh

demo: venv ## Set up, start, place calls, show their reports
	@$(PYTHON) -m parley_local demo

up: venv ## Start the whole world in the background
	@$(PYTHON) -m parley_local up

down: venv ## Stop it; the data stays
	@$(PYTHON) -m parley_local down

status: venv ## Say what runs
	@$(PYTHON) -m parley_local status

clean: venv ## Stop it and remove its data
	@$(PYTHON) -m parley_local clean

test: venv ## Run all tests, on servers of their own
	@$(PYTHON) -m parley_local install
	@$(PYTHON) -m pytest

bench: venv ## Measure Parley against its floors, on servers of its own (about 8 minutes)
	@$(PYTHON) -m parley_local install
	@$(PYTHON) -m bench

check: venv ## Lint, types, import rules
	@.venv/bin/ruff check
	@.venv/bin/ruff format --check
	@.venv/bin/mypy
	@.venv/bin/lint-imports

docs: venv ## Write the generated documentation
	@$(PYTHON) -m parley_common.catalogue
	@$(PYTHON) -m parley_api.openapi

lock: venv ## Resolve requirements.lock anew
	@cache=$${PARLEY_CACHE:-$$([ "$$(id -u)" = 0 ] && echo /var/cache/parley || echo $$HOME/.cache/parley)}; \
	$$cache/uv/bin/uv pip compile -q --universal --generate-hashes --python-version 3.12 --group dev pyproject.toml \
	  $$(for part in common api dialer agent recorder webhooks sandbox local; do echo --no-emit-package parley-$$part; done) \
	  --custom-compile-command "make lock" -o requirements.lock
