# Everything a fresh machine needs: `make demo` (the main job on real data) and `make test`.
PYTHON ?= python3
BIN := .venv/bin
# Threads that spin while waiting make a busy machine a hundred times slower (see kivuko.cli).
export OMP_WAIT_POLICY = PASSIVE

.PHONY: demo test test-training test-browser lint docs bench results

demo: .venv/installed
	$(BIN)/kivuko demo

# A process of tests for each core, of one thread: two that each want both cores take turns. A test that hangs, be it
# in native code, ends its process with the stack of every thread and is named.
test: .venv/installed lint
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest --numprocesses auto --dist loadfile --timeout 900 --timeout-method thread \
	  -m "not training and not browser"

# What the pages say of training, run as it stands there: an hour and more.
test-training: .venv/installed
	$(BIN)/python -m pytest -m training

# The search page in headless Chromium, for which this asks Debian; needs root.
test-browser: .venv/installed
	apt-get install --yes --no-install-recommends chromium chromium-driver fonts-noto-core
	$(BIN)/python -m pytest -m browser

lint: .venv/installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# The site, in site/: strict, so a dead link is an error, and without fonts or scripts from elsewhere.
docs: .venv/installed
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

bench: .venv/installed
	$(BIN)/python bench/e5_conversion.py
	$(BIN)/python bench/transport.py
	$(BIN)/python bench/training_step.py
	$(BIN)/python bench/evaluation.py
	$(BIN)/python bench/comparison.py
	$(BIN)/python bench/streams.py
	OMP_NUM_THREADS=1 $(BIN)/python bench/trimming.py
	$(BIN)/python bench/encoding.py
	$(BIN)/python bench/two_languages.py
	$(BIN)/python bench/engine/run.py
# bench/held_open.py wants an engine of yours, or the one that the demo leaves.

results: .venv/installed
	$(BIN)/python experiments/main_job.py

.venv/installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --constraint constraints.txt --editable '.[dev]'
	touch $@
