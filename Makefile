# make demo: a small world of videos is rendered, added and searched.   make test: the tests.
# Each makes its own virtual environment first; nothing else is needed but Python 3.10 or newer.

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt

export OMP_WAIT_POLICY = PASSIVE
export TOKENIZERS_PARALLELISM = false

.PHONY: demo test lint kill bench clean

demo: $(VENV)/.installed
	$(BIN)/wenshi demo

test: $(VENV)/.installed-dev
	HF_HUB_OFFLINE=1 $(BIN)/python -m pytest

lint: $(VENV)/.installed-dev
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

kill: $(VENV)/.installed-dev
	$(BIN)/python -m benchmarks.kills --rounds 50

bench: $(VENV)/.installed-dev
	$(BIN)/python -m benchmarks.reading_speed

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: $(VENV)/bin/python pyproject.toml constraints.txt
	$(PIP) -e '.[all]'
	touch $@

$(VENV)/.installed-dev: $(VENV)/.installed
	$(PIP) -e '.[all,dev]'
	touch $@

clean:
	rm -rf $(VENV) build *.egg-info
