# Needs Python 3.11 or newer, pip and make. `make help` lists the targets.
PYTHON ?= python3
VENV := .venv
# The extras that the tests need, some 7 GB: FiftyOne with its database, Ray, torch and unsloth. unsloth is not made for macOS.
TEST_EXTRAS ?= dev,browse,ray$(if $(filter Darwin,$(shell uname -s)),,$(comma)finetune)
WORKERS ?= 2
# Where `make demo` writes. It is made anew by every call; a folder that is no demo is left alone.
DEMO ?= demo
drop_demo = if [ -f "$(DEMO)/data/planted.jsonl" ]; then rm -rf "$(DEMO)"; fi

comma := ,
py := $(VENV)/bin/python
core := $(VENV)/.ready
ready := $(core)-$(subst $(comma),-,$(TEST_EXTRAS))

.DEFAULT_GOAL := help
.PHONY: help demo demo-train gpu-check test test-long fuzz soak check bench scale layouts truth docs pictures site wheels-check release-check clean
.DELETE_ON_ERROR:

help:  ## this list
	@sed -n 's/^\([a-z-]*\):.*  ## /  make \1\t/p' Makefile

demo: $(core)  ## make three small data sets with known defects, audit and export them, say where the report lies
	@$(drop_demo)
	@$(VENV)/bin/curate demo --out "$(DEMO)"

demo-train: $(ready)  ## train, ask and score a toy model on the demo's data and the CPU: shows the commands, reads nothing
	@[ -d "$(DEMO)/dataset" ] || $(VENV)/bin/curate demo --out "$(DEMO)" >/dev/null
	@env -u PYTHONDONTWRITEBYTECODE $(py) tests/finetune/toy/demo_train.py --data "$(DEMO)/dataset" --out "$(DEMO)/train" $(TRAIN_ARGS)

gpu-check: $(ready)  ## on a machine with a GPU: train the real model for 20 steps, use it, and print a table of what passed
	@[ -d "$(DEMO)/dataset" ] || $(VENV)/bin/curate demo --out "$(DEMO)" >/dev/null
	@$(py) tools/gpu_check.py --data "$(DEMO)/dataset" $(GPU_ARGS)

# Processes that import torch need not compile it: PYTHONDONTWRITEBYTECODE is taken away.
pytest = env -u PYTHONDONTWRITEBYTECODE $(py) -m pytest -n $(WORKERS) --dist loadgroup

test: check  ## set up all that the tests need, run `make check`, run every test but the long ones
	@bash .ci/system.sh
	@$(pytest) -m "not long" $(PYTEST_ARGS)

test-long: check  ## `make test`, and what it leaves out: the same again at more moments and steps
	@bash .ci/system.sh
	@$(pytest) $(PYTEST_ARGS)

fuzz: $(ready)  ## the property tests, with new examples; prints the seed, SEEDS="7 100-120" repeats some
	@seeds="$(SEEDS)"; seeds="$${seeds:-$$(date +%s)}"; \
	  echo "Seeds: $$seeds. The same examples again: make fuzz SEEDS=\"$$seeds\""; \
	  $(py) -m pytest -n $(WORKERS) --dist load --seeds "$$seeds" $(PYTEST_ARGS)

soak: $(ready)  ## HOURS=1 of attacks: hostile labels and data sets, stops, full disks; prints failures as commands
	@$(py) tests/soak --hours $(or $(HOURS),1) $(SOAK_ARGS)

check: $(ready)  ## ruff and mypy
	@$(py) -m ruff check .
	@$(py) -m ruff format --check .
	@$(py) -m mypy

bench: $(ready)  ## labels a second of the audit, beside other tools (results in bench-out/); planted defects found
	@$(py) benchmarks/bench.py $(BENCH_ARGS)
	@$(py) benchmarks/planted.py $(PLANTED_ARGS)

scale: $(ready)  ## time and memory by the number of labels: audit, update, export, browse, metrics (docs/speed.md)
	@$(py) benchmarks/scale.py $(SCALE_ARGS)

layouts: $(ready)  ## make data sets in every layout that people publish, read them, and say what was read rightly
	@$(py) benchmarks/layouts.py $(LAYOUT_ARGS)

truth: $(core)  ## where LaTeX is installed: does it draw alike what fixes, canonical forms and keys say looks the same?
	@cd benchmarks && PYTHONPATH=.. ../$(py) truth.py $(TRUTH_ARGS)

docs: $(core)-docs  ## write the pages and tables in docs/ that are made from the code, and the output in README.md
	@$(py) docs/make_docs.py

pictures: $(ready)  ## make the pictures of README.md and the docs from the demo's data; needs Chromium
	@$(py) tools/make_pictures.py $(PICTURES)
site: $(core)-docs  ## make the documentation a static site with search, in build/site
	@$(py) -m sphinx -q -W --keep-going -j auto -b html -d build/doctrees docs build/site
	@echo "The site is in build/site: open build/site/index.html"

wheels-check: $(core)  ## ask the index whether every core dependency has wheels for the systems that README names
	@$(py) tools/wheels_check.py

release-check: $(core)  ## try a release: build it, check it, install it into fresh environments, run the demo there
	@$(py) tools/release_check.py $(RELEASE_ARGS)

clean:  ## remove what these targets made, .venv included
	$(drop_demo)
	rm -rf $(VENV) build dist bench-out gpu-check *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# -qq: pip says only what failed. --no-compile: half the time, for a second at the first import.
install = $(py) -m pip install -qq --no-compile --disable-pip-version-check -c constraints.txt -e

$(core): pyproject.toml constraints.txt | $(py)
	@echo "Installing texsieve into $(VENV) (about a minute) ..."
	@$(install) .
	@touch $@

$(ready): pyproject.toml constraints.txt | $(py)
	@echo "Installing texsieve[$(TEST_EXTRAS)] into $(VENV) (some minutes) ..."
	@$(install) '.[$(TEST_EXTRAS)]'
	@touch $(core) $@

$(core)-docs: pyproject.toml constraints.txt | $(py)
	@echo "Installing texsieve[docs] into $(VENV) ..."
	@$(install) '.[docs]'
	@touch $(core) $@

# Debian keeps the pip of new environments in a package of its own (python3-venv): without it the installed pip fills in.
$(py):
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "texsieve needs Python 3.11 or newer. Name one: make PYTHON=python3.12" >&2; exit 2; }
	@$(PYTHON) -m venv $(VENV) >/dev/null 2>&1 || { \
	  $(PYTHON) -m venv --clear --without-pip $(VENV) && \
	  $(PYTHON) -m pip --python $(py) install -qq --disable-pip-version-check pip; } || \
	  { rm -rf $(VENV); echo "No virtual environment could be made: install Python's venv and pip (Debian: python3-venv)" >&2; exit 2; }
