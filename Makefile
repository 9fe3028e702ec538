# Everything runs in .venv, which `make install` makes from PyPI alone.
# PYTHON picks the interpreter: make demo PYTHON=python3.12
PYTHON ?= python3
VENV ?= .venv
DEMO ?= demo
# The pinned set that is known to work; CONSTRAINTS= takes the newest instead.
CONSTRAINTS ?= constraints.txt
BIN = $(VENV)/bin

.PHONY: install demo test test-all clones check format docs benchmark clean

install: $(VENV)/installed

$(VENV)/installed: setup.py pyproject.toml $(CONSTRAINTS)
	@$(PYTHON) -c 'import sys; v = sys.version_info; v >= (3, 11) or sys.exit( \
	  f"Python 3.11 or newer is needed, {sys.executable} is {v[0]}.{v[1]}: " \
	  "make PYTHON=python3.12")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --editable '.[test]' \
	  $(if $(CONSTRAINTS),--constraint $(CONSTRAINTS))
	touch $@

demo: install
	$(BIN)/instructrec demo --out $(DEMO)

# The longest files come first (tests/summary.py), and stay whole.
PYTEST = $(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder

test: install
	$(PYTEST) --durations=25

# All tests, also those that take minutes, and none of them skipped for want of a
# package: the folders are clones of google-research/t5x, google/airio and
# google-research/jestimator.
test-all: clones $(VENV)/all_installed
	INSTRUCTREC_THOROUGH=1 \
	  PYTHONPATH="$(abspath $(T5X)):$(abspath $(AIRIO)):$(abspath $(JESTIMATOR))" \
	  $(PYTEST) --durations=25

$(VENV)/all_installed: $(VENV)/installed
	$(BIN)/python -m pip install --quiet --editable '.[test,teacher,tpu,t5x]' \
	  $(if $(CONSTRAINTS),--constraint $(CONSTRAINTS))
	touch $@

clones:
	@$(call clone,T5X,$(T5X),t5x/train.py)
	@$(call clone,AIRIO,$(AIRIO),airio/core.py)
	@$(call clone,JESTIMATOR,$(JESTIMATOR),jestimator/__init__.py)

clone = test -n "$(2)" -a -f "$(2)/$(3)" || { \
	echo "make test-all: $(1)=$(2) is no clone of it: expected a folder with \
	$(3) in it" >&2; exit 1; }

check: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyrefly check --python-interpreter-path $(BIN)/python

format: install
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# The site is docs/_build/html/index.html.
docs: $(VENV)/docs_installed
	$(BIN)/sphinx-build -W --keep-going -b html docs docs/_build/html

$(VENV)/docs_installed: $(VENV)/installed
	$(BIN)/python -m pip install --quiet --editable '.[docs]' \
	  $(if $(CONSTRAINTS),--constraint $(CONSTRAINTS))
	touch $@

# GAMES is the folder of InstructRec's Games, see README.md; without it they are
# made up.
benchmark: install
	$(BIN)/python benchmarks/packing.py
	$(BIN)/python benchmarks/candidate_scoring.py
	$(BIN)/python benchmarks/constrained_decoding.py
	$(BIN)/python benchmarks/metrics.py
	$(BIN)/python benchmarks/evaluation.py $(if $(GAMES),--raw $(GAMES))
	$(BIN)/python benchmarks/train_step.py
	$(BIN)/python benchmarks/baselines.py $(if $(GAMES),--raw $(GAMES))
	$(BIN)/python benchmarks/instructions.py
	$(BIN)/python benchmarks/sources.py
	$(BIN)/python benchmarks/prepare_games.py $(if $(GAMES),--raw $(GAMES))

clean:
	rm -rf $(VENV) $(DEMO) docs/_build docs/api docs/commands.rst build *.egg-info
