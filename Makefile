# What a contributor types. `make demo` and `make test` set up everything they need.

PYTHON := .venv/bin/python
PYTEST := $(PYTHON) -m pytest -n 6 --dist loadfile --no-loadscope-reorder
# Ours, and that of the old runtime where it is.
GOLDEN ?= tests/golden $(wildcard ../shared/golden)
# Tests start hundreds of programs: without byte-code each of them compiles this package, and pytest its own test files.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help setup demo test test-fast test-pythons test-all check format docs licences wheel conformance conformance-onnx period fuzz hostile chaos bench-server bench-packed bench-images bench-run bench-large bench-road clean

help:  ## this list
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*##/\t/' | expand -t 18

setup:  ## environment, container engine, registry and base image; quick the second time
	@scripts/setup

demo: setup  ## the main job on the sandbox, ONNX and then every other format; ARGS=--quick for ONNX alone
	@.venv/bin/migrate demo $(ARGS)

test:  ## sets up everything; format, lint, types, import rules, then every test that is not slow
	@scripts/setup --tests
	@$(MAKE) --no-print-directory check
	@$(PYTEST) -m "not slow" --durations 20

test-fast: .venv  ## the tests that need no container engine
	@scripts/test_fast

test-pythons: .venv  ## the same on each Python of 3.11 to 3.13 that is installed
	@scripts/test_fast --installed

test-all:  ## every test, the slow ones too, and the server's once more without its express lane
	@scripts/setup --tests
	@$(MAKE) --no-print-directory check
	@$(PYTEST) --durations 20
	@MIGRATE_EXPRESS=0 $(PYTEST) tests/server

check: .venv  ## format, lint, types and import rules
	@$(PYTHON) -m ruff format --check .
	@$(PYTHON) -m ruff check .
	@$(PYTHON) -m mypy
	@.venv/bin/lint-imports --no-cache

format: .venv  ## write the format
	@$(PYTHON) -m ruff format .
	@$(PYTHON) -m ruff check --fix .

docs: .venv  ## docs/codes.md, docs/options.md and docs/plan.schema.json from their declarations
	@$(PYTHON) scripts/document_codes.py
	@$(PYTHON) scripts/document_options.py
	@$(PYTHON) scripts/document_plan.py

licences: .venv  ## docs/licences.md from the metadata of all locks' wheels; fails by name where one is not allowed; ARGS=--anew
	@$(PYTHON) scripts/list_licences.py $(ARGS)

wheel: .venv  ## the wheel, in dist/
	@$(PYTHON) -m build --wheel --no-isolation

conformance: .venv  ## every golden vector against a running server, GOLDEN=folder ARGS=--packed
	@$(PYTHON) scripts/conformance.py $(ARGS) $(GOLDEN)

conformance-onnx: .venv  ## the onnx package's own test models through a running server
	@$(PYTHON) scripts/conformance_onnx.py $(ARGS)

period: .venv  ## files that older libraries wrote, beside the answers of those libraries; GOLDEN=folder ARGS="--only t1."
	@$(PYTHON) scripts/period/compare.py $(ARGS) $(if $(filter file default undefined,$(origin GOLDEN)),,$(GOLDEN))

fuzz: .venv  ## generated requests against a running server for some minutes, ARGS="--minutes 60 --seed 7"
	@$(PYTHON) scripts/fuzz_server.py $(ARGS)

hostile: .venv  ## each kind of file that is refused, and why; ARGS="pickle zip" for some, ARGS=--mutate
	@$(PYTHON) scripts/hostile_table.py $(ARGS)

chaos: setup  ## hundreds of runs killed and disturbed on the sandbox, at most an hour; ARGS="--seed 7" for one
	@$(PYTHON) -m tests.chaos $(ARGS)

bench-server: .venv  ## the server beside MLServer, BentoML, LitServe, FastAPI, an echo; ARGS=--quick
	@$(PYTHON) -m benchmarks.server $(ARGS)

bench-packed: .venv  ## many models in one process, beside MLServer; ARGS="--quick --cases onnx-100"
	@$(PYTHON) -m benchmarks.packed $(ARGS)

bench-images: .venv  ## each runtime's image: build, layers, size, cold start, memory; ARGS="--only onnx"; ARGS=--push
	@$(PYTHON) -m benchmarks.images $(ARGS)

bench-run: .venv  ## 20 models to the sandbox, beside an earlier commit and a shell script; ARGS="--models 3 --only this,before"
	@$(PYTHON) -m benchmarks.runs $(ARGS)

bench-large: .venv  ## a model of 5 GB to its build context, killed and replaced on the way; ARGS="--gb 1"
	@$(PYTHON) -m benchmarks.large $(ARGS)

bench-road: .venv  ## 5 GB of random bytes from storage to a registry without an engine, cut on the way; ARGS="--gb 1"
	@$(PYTHON) -m benchmarks.road $(ARGS)

.venv:
	@scripts/setup --environment-only

clean:  ## remove the environment and caches of this checkout, its sandbox's for the old endpoints among them
	-@if [ -x .venv/bin/python ]; then .venv/bin/python scripts/remove_environments.py; fi
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis build dist
