# Every target sets up what it needs; `make` alone lists them.
.DEFAULT_GOAL := help

# Byte code is kept whatever the environment says: a test run starts a hundred processes.
export PYTHONDONTWRITEBYTECODE :=

START := $(shell date +%s)
BIN := .venv/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt
SERVICES := $(BIN)/python -m scripts.services
WITH_SERVICES := set -a; . .services/env;

.PHONY: help demo serve setup test test-long test-unit services lint format bench conformance schemas clean

help: ## Show this list
	@sed -nE 's/^([a-z-]+):.* ## (.*)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 18

demo: .venv/.runs ## See it work: messages of all kinds go in, each agency's alerts come out
	@$(BIN)/gateway demo

serve: .venv/.runs ## Run the gateway on this machine and print a curl line that works
	@$(BIN)/gateway serve --show-curl

setup: .venv/.stamp ## Make .venv/ with all that running, testing and changing it needs

test: services lint ## Check everything, against a real RabbitMQ and PostgreSQL
	@$(WITH_SERVICES) $(BIN)/pytest --numprocesses auto --dist worksteal
	@echo "Everything passed, in $$(($$(date +%s) - $(START))) seconds with the setting up."

test-long: services ## Check also what takes long: many examples, large files, hostile input
	@$(WITH_SERVICES) $(BIN)/pytest --numprocesses auto --dist worksteal -m long --hypothesis-profile=default

test-unit: setup ## Run only the tests that need no server
	@$(BIN)/pytest tests/unit

services: setup ## Find, start or install RabbitMQ and PostgreSQL for the tests
	@$(SERVICES)

lint: setup ## Check style, types and which room may import which
	@$(BIN)/ruff check
	@$(BIN)/ruff format --check
	@$(BIN)/mypy
	@$(BIN)/lint-imports

format: setup ## Mend the style where a tool can
	@$(BIN)/ruff check --fix
	@$(BIN)/ruff format

bench: services ## Measure it beside the simplest thing that could do the same
	@$(WITH_SERVICES) $(BIN)/python -m benchmarks

conformance: services ## Write docs/conformance.md anew from the tests that prove it
	@$(WITH_SERVICES) $(BIN)/pytest -m conforms --conformance=docs/conformance.md

schemas: setup ## Write the JSON Schemas anew from the models
	@$(BIN)/gateway schemas --write schemas/json

clean: ## Remove what the other targets made, and stop the servers that they started
	@[ ! -f .services/env ] || $(SERVICES) stop
	rm -rf .venv .services .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache dist

# Running needs less than developing: a first `make demo` does not wait for the tools.
.venv/.runs: pyproject.toml constraints.txt
	@scripts/make_venv
	@echo 'Installing the gateway into .venv/ ...'
	@$(PIP) --editable .
	@touch $@

.venv/.stamp: .venv/.runs
	@echo 'Installing the tools to test and change it ...'
	@$(PIP) --editable '.[dev]'
	@touch $@
