# GPU=1 takes the CUDA build of TensorFlow instead of the CPU one, until GPU=0.
VARIANT := $(if $(GPU),$(if $(filter 1,$(GPU)),gpu,cpu),$(or $(shell cat .venv/variant 2>/dev/null),cpu))
PYTHON ?= python3
BIN := .venv/bin
PORT ?= 5000
WORKERS ?= 2
export PATH := $(CURDIR)/$(BIN):$(PATH)

.DEFAULT_GOAL := help
.PHONY: help setup demo ui screenshots test coverage test-fast test-faults fuzz soak lint audit format lock mlproject bench bench-quick

help:  ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## /\1 — /p' Makefile

# an environment that was moved, or whose interpreter is gone, is made again
setup:  ## make .venv and the environment that `mlflow run .` uses (GPU=1: with CUDA)
	@grep -qsF "$(CURDIR)/.venv" $(BIN)/activate && $(BIN)/python -c "" 2>/dev/null || $(PYTHON) -m venv --clear .venv
	@$(BIN)/uv --version >/dev/null 2>&1 || $(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/uv.txt
	@$(BIN)/python tools/environments.py $(VARIANT)

demo: setup  ## split, finetune and evaluate on the embedded sample; ends with the figures and how to look at them
	@$(BIN)/python tools/demo.py

ui: setup  ## open the MLflow UI on the project's store (PORT=5000)
	@$(BIN)/python tools/ui.py --port $(PORT)

screenshots: setup  ## make the pictures of docs/browsing.md anew; minutes, needs chromium
	@$(BIN)/python tools/screenshots.py

TEST = $(BIN)/python -m pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder
test: setup  ## all tests, in two processes (WORKERS=2)
	@$(TEST)

coverage: setup  ## the same, and which branches they reach; half as long again
	@$(TEST) --cov --cov-report=term

test-fast: setup  ## the tests that take seconds
	@$(BIN)/python -m pytest -m "not slow and not system"

test-faults: setup  ## kill every kind of work 50 times and the tracking server 10 times at random moments, fill disks, limit memory; an hour
	@KILLS=$(or $(KILLS),50) $(BIN)/python -m pytest -s --timeout 7200 tests/faults tests/cache/test_processes.py tests/search/test_kill.py tests/training/test_kill.py tests/features/test_activations.py tests/tracking/spool tests/jobs/test_sync.py tests/jobs/test_sweep_outage.py tests/s3/test_faults.py

fuzz: setup  ## every property test with examples of its own each time, the decoder and the readers of files among them, as long as you like (EXAMPLES=20000 of each)
	@FUZZ_EXAMPLES=$(or $(EXAMPLES),20000) $(BIN)/python -m pytest --timeout 0 -n $(WORKERS) -m hypothesis

soak: setup  ## four processes log runs of 1,000 epochs to a server; nothing may be lost or grow; the better part of an hour
	@$(BIN)/python benchmarks/soak.py --json build/soak.json

lint: setup  ## format check, lint, types, import contracts
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

audit: setup  ## licences and known vulnerabilities of what is installed (AUDIT_REQUIRED=1: fails where they can't be asked for)
	@$(BIN)/python tools/licences.py
	@$(BIN)/python tools/vulnerabilities.py

format: setup  ## format and fix what can be fixed
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

bench: setup  ## measure side by side with plain Keras, Optuna and MLflow; hours (docs/performance.md)
	@$(BIN)/python benchmarks/run_all.py --out build/bench

bench-quick: setup  ## show that the benchmarks run; minutes (ONLY="limits warping": these alone)
	@$(BIN)/python benchmarks/run_all.py --out build/bench-quick --quick $(if $(ONLY),--only $(ONLY))

mlproject: setup  ## write MLproject from the jobs' parameters
	@$(BIN)/python -m beauty_mlflow.jobs.mlproject

COMPILE = $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate $(UPGRADE)
lock: setup  ## renew the lock files within pyproject.toml's ranges (UPGRADE=--upgrade for newer versions)
	@$(COMPILE) pyproject.toml --extra cpu -o requirements/cpu.txt
	@$(COMPILE) pyproject.toml --extra gpu -o requirements/gpu.txt
	@$(COMPILE) pyproject.toml --constraint requirements/cpu.txt --extra cpu --extra dev -o requirements/dev-cpu.txt
	@$(COMPILE) pyproject.toml --constraint requirements/gpu.txt --extra gpu --extra dev -o requirements/dev-gpu.txt
	@$(COMPILE) deploy/requirements.in --constraint requirements/dev-cpu.txt -o deploy/requirements.txt
	@echo uv | $(COMPILE) - --constraint requirements/dev-cpu.txt -o requirements/uv.txt
