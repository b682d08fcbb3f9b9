# make demo   install into .venv, then train and try a classifier
# make test   install into .venv, then the checks that every change must pass
# make test-slow   the tests that take long
# make test-processors   the tests of numbers again, as on other processors and in random order
# make soak   the tests of faults in tests/robustness, at length
# make docs   install into .venv, then build the documentation into build/site; nothing is fetched
# make clean  remove .venv

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/installed

.PHONY: demo test test-slow test-processors soak lint docs clean

demo: $(INSTALLED)
	$(BIN)/fsl-nlp demo

# Two processes, of 3 GB each, with one thread: the tests' matrices are small, and threads that wait
# for each other on a busy machine take many times longer.
PYTEST := $(BIN)/python -m pytest -n 2 --dist worksteal

# The examples of the documentation run in `make docs`.
test: lint
	OMP_NUM_THREADS=1 $(PYTEST) -m "not slow" --ignore tests/docs/test_examples.py

test-slow: $(INSTALLED)
	OMP_NUM_THREADS=1 $(PYTEST) -m slow --ignore tests/docs/test_examples.py

# Training, and what it ends at, follow the last bits of sums, which each kind of processor adds up
# in its own order. What tests assert must hold on all of them, and in any order of the tests. (ONNX
# Runtime picks its kernels itself.)
NUMERIC := tests/heads tests/meta tests/methods tests/training tests/prompts tests/pretraining \
	tests/evaluation tests/encoders tests/test_classifier.py tests/decision \
	--ignore tests/encoders/test_graphs.py
AVX2 := ATEN_CPU_CAPABILITY=avx2 ONEDNN_MAX_CPU_ISA=AVX2 MKL_ENABLE_INSTRUCTIONS=AVX2 \
	OPENBLAS_CORETYPE=Haswell
PLAIN := ATEN_CPU_CAPABILITY=default ONEDNN_MAX_CPU_ISA=SSE41 MKL_CBWR=COMPATIBLE \
	OPENBLAS_CORETYPE=Nehalem

test-processors: $(INSTALLED)
	$(AVX2) OMP_NUM_THREADS=1 $(PYTEST) -p randomly $(NUMERIC)
	$(PLAIN) OMP_NUM_THREADS=1 $(PYTEST) tests/heads tests/meta tests/methods tests/training
	OMP_WAIT_POLICY=passive OMP_NUM_THREADS=2 $(BIN)/python -m pytest -p randomly \
		tests/heads tests/meta tests/training

soak: $(INSTALLED)
	FSL_NLP_SOAK=1 OMP_NUM_THREADS=1 $(BIN)/python -m pytest tests/robustness

lint: $(INSTALLED)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/python docs/tools/generate.py --check
	$(BIN)/python docs/tools/links.py

# What the pages say of the code must be so, their examples must run, and their links must lead
# somewhere.
docs: $(INSTALLED)
	$(BIN)/python docs/tools/generate.py --check
	OMP_NUM_THREADS=1 $(PYTEST) tests/docs/test_examples.py
	@test -x $(BIN)/sphinx-build || { echo "The site needs Python 3.11 or newer."; exit 1; }
	$(BIN)/sphinx-build -q -E -W --keep-going -b html docs build/site
	@echo "Open build/site/index.html"

# torch goes first: pip then takes the pinned CPU build and looks for no other.
$(INSTALLED): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet -c constraints.txt torch
	$(BIN)/python -m pip install --quiet -c constraints.txt -e '.[embedded,export,report,serve,postgresql,docs,dev]'
	touch $@

clean:
	rm -rf $(VENV)
