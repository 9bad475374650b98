.DEFAULT_GOAL := help
PYTHON := .venv/bin/python

.PHONY: help venv demo up down status clean test faults bench check lock docs

help: ## List the commands
	@grep -E '^[a-z/.]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

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
	@$(PYTHON) -m tests

faults: venv ## Break everything in turn while calls run (CALLS=200 AT_ONCE=6 SEED=... PLAN=everything|together|rolling|nothing)
	@$(PYTHON) -m parley_local install
	@$(PYTHON) -m tests.faults --calls $(or $(CALLS),200) --at-once $(or $(AT_ONCE),6) --plan $(or $(PLAN),everything) $(if $(SEED),--seed $(SEED))

bench: venv ## Measure Parley against its floors, on servers of its own (about 20 minutes)
	@$(PYTHON) -m parley_local install
	@$(PYTHON) -m bench

check: venv ## Lint, types, import rules
	@.venv/bin/ruff check
	@.venv/bin/ruff format --check
	@.venv/bin/mypy
	@.venv/bin/lint-imports
	@if docker compose version > /dev/null 2>&1; then sh deploy/check-compose.sh; fi

deploy/.env: ## Write the settings for Docker Compose, with fresh secrets
	@umask 077 && sh deploy/new-env.sh > $@

docs: venv ## Write the generated documentation
	@$(PYTHON) -m parley_common.catalogue
	@$(PYTHON) -m parley_api.openapi
	@$(PYTHON) -m parley_webhooks.examples
	@$(PYTHON) -m parley_common.asyncapi
	@$(PYTHON) -m parley_webhooks.schemas

lock: venv ## Resolve requirements.lock anew
	@cache=$${PARLEY_CACHE:-$$([ "$$(id -u)" = 0 ] && echo /var/cache/parley || echo $$HOME/.cache/parley)}; \
	$$cache/uv/bin/uv pip compile -q --universal --generate-hashes --python-version 3.12 --group dev pyproject.toml \
	  $$(for part in common api dialer agent recorder webhooks sandbox local; do echo --no-emit-package parley-$$part; done) \
	  --custom-compile-command "make lock" -o requirements.lock

.DELETE_ON_ERROR:
