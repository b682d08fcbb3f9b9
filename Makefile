# make demo   install into .venv, then train and try a classifier
# make test   install into .venv, then every check that must pass
# make clean  remove .venv

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/installed

.PHONY: demo test lint clean

demo: $(INSTALLED)
	$(BIN)/fsl-nlp demo

# One thread a process: the tests' matrices are small, and threads that wait for each other on a
# busy machine take many times longer.
test: lint
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest

lint: $(INSTALLED)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

# torch goes first: pip then takes the pinned CPU build and looks for no other.
$(INSTALLED): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet -c constraints.txt torch
	$(BIN)/python -m pip install --quiet -c constraints.txt -e '.[embedded,export,report,dev]'
	touch $@

clean:
	rm -rf $(VENV)
