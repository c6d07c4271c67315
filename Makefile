# Set-up, checks and documentation. Needs Python >= 3.11 and a C++20 compiler, nothing else:
# CMake, Ninja and every Python tool are installed from PyPI into .venv.

VENV ?= .venv
WORKERS ?= 2
BIN := $(VENV)/bin
# The first of these that is new enough; override with `make PYTHON=/path/to/python`.
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11 python3.14 python; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)

# Without isolation the build tree survives, so a second install compiles only what changed.
PIP_INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check
EDITABLE := $(PIP_INSTALL) --no-build-isolation --config-settings=build-dir='build/{wheel_tag}' --editable
CPP := $(shell find kernels -type f \( -name '*.cpp' -o -name '*.hpp' -o -name '*.h' -o -name '*.cu' -o -name '*.inc' -o -name '*.cuh' \) 2>/dev/null)
SOURCES := pyproject.toml $(wildcard kernels/CMakeLists.txt) $(CPP)
CLANG_FORMAT_FILES := $(CPP)

.PHONY: help venv demo test test-full test-sanitize test-races check-neon check-docs lint format stubs bench bench-quick bench-gpu docs clean
.DEFAULT_GOAL := help

help:
	@echo "make demo       install into $(VENV) and run the demonstration"
	@echo "make test       install with the development tools and run the tests"
	@echo "make test-full  the same, slow tests included"
	@echo "make test-sanitize  the tests of the native modules, with address and undefined-behaviour"
	@echo "                sanitizers"
	@echo "make test-races look for data races in the CUDA kernels, emulated; takes ten minutes"
	@echo "make check-neon compile the kernels for 64-bit ARM with a cross compiler"
	@echo "make lint       ruff, mypy, import-linter, clang-format, stub check"
	@echo "make format     rewrite Python and C++ files in the project's format"
	@echo "make stubs      regenerate the .pyi files of the native modules"
	@echo "make bench      time QuASIM against the simulators it stands in for, into bench-out"
	@echo "make bench-quick  the same with small circuits, in about three minutes"
	@echo "make bench-gpu  time the GPU kernels against cuStateVec, in less than ten minutes"
	@echo "make docs       build the documentation into docs/_build/html"
	@echo "make check-docs read it all and follow its links, without writing pages"
	@echo "make clean      remove what the other targets made"

# --- set-up: each stamp is newer than everything its install depends on ---------------------

$(VENV)/.stamp-tools:
	@test -n "$(PYTHON)" || { echo "QuASIM needs Python >= 3.11; none of python3.11 ... python3.14 was found." >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(PIP_INSTALL) --upgrade pip
	$(PIP_INSTALL) "scikit-build-core>=1.0" "nanobind>=3.0" "cmake>=3.26" ninja
	@touch $@

$(VENV)/.stamp-demo: $(VENV)/.stamp-tools $(SOURCES)
	$(EDITABLE) '.[sdks,plot,bench]'
	@touch $@

# A step after the other one, never beside it: two pips must not write one environment.
$(VENV)/.stamp-dev: $(VENV)/.stamp-demo
	$(EDITABLE) '.[sdks,plot,bench,dev]'
	@touch $@

venv: $(VENV)/.stamp-dev

# --- use ------------------------------------------------------------------------------------

demo: $(VENV)/.stamp-demo
	$(BIN)/quasim demo

test: $(VENV)/.stamp-dev
	$(BIN)/python -m pytest -n $(WORKERS) -m "not slow" tests

test-full: $(VENV)/.stamp-dev
	$(BIN)/python -m pytest -n $(WORKERS) tests

# A copy of the package with instrumented modules, apart from the environment.
test-sanitize: $(VENV)/.stamp-dev
	$(BIN)/python .ci/sanitize.py $(SANITIZE_TESTS)

# On threads of the host, in the order that CUDA gives them and no other.
RACE_TESTS ?= tests/kernels/test_cuda_launches.py
test-races: $(VENV)/.stamp-dev
	QUASIM_SANITIZERS=thread QUASIM_EMULATE_THREADS=ON $(BIN)/python .ci/sanitize.py $(RACE_TESTS)

# Compiles only: what the other instruction sets share, and the vectors' NEON form.
AARCH64_CXX ?= aarch64-linux-gnu-g++
check-neon:
	ls kernels/cpu/*.cpp kernels/plan/*.cpp kernels/device/*.cpp kernels/emulate/*.cpp | grep -v isa_avx | xargs -P $(WORKERS) -I FILE \
		$(AARCH64_CXX) -std=c++20 -O2 -ffp-contract=fast -Wall -Wextra -Werror \
		-Ikernels/include -Ikernels -c FILE -o /dev/null

# More with BENCH, for example: make bench BENCH="--qubits 20-24 --threads all"
bench: $(VENV)/.stamp-dev
	$(BIN)/python tests/benchmarks/bench.py $(BENCH)

bench-quick: $(VENV)/.stamp-dev
	$(BIN)/python tests/benchmarks/bench.py --quick $(BENCH)

# Installs nothing, so that it runs without a network: GPU_PYTHON has this package and CuPy already.
GPU_PYTHON ?= $(BIN)/python
bench-gpu:
	$(GPU_PYTHON) tests/benchmarks/gpu_bench.py $(BENCH)

docs: $(VENV)/.stamp-dev
	@rm -rf docs/reference
	$(BIN)/python -m sphinx -W --keep-going -q -b html docs docs/_build/html
	@echo "docs/_build/html/index.html"

# The same without writing pages, most of whose time goes into each one's table of contents.
check-docs: $(VENV)/.stamp-dev
	@rm -rf docs/reference
	$(BIN)/python -m sphinx -W --keep-going -q -b dummy docs docs/_build/dummy

# --- checks ---------------------------------------------------------------------------------

lint: $(VENV)/.stamp-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(if $(CLANG_FORMAT_FILES),$(BIN)/clang-format --dry-run -Werror $(CLANG_FORMAT_FILES))
	$(BIN)/python .ci/stubs.py --check

format: $(VENV)/.stamp-dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(if $(CLANG_FORMAT_FILES),$(BIN)/clang-format -i $(CLANG_FORMAT_FILES))

stubs: $(VENV)/.stamp-dev
	$(BIN)/python .ci/stubs.py

clean:
	rm -rf $(VENV) build dist demo-out bench-out docs/_build docs/reference .mypy_cache .ruff_cache \
		.pytest_cache .import_linter_cache .hypothesis
	find quasim_backend providers $(wildcard twins_addon) tests -type d -name __pycache__ -prune -exec rm -rf {} +
