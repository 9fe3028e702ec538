# Everything runs in .venv, which `make install` makes from PyPI alone.
# PYTHON picks the interpreter: make demo PYTHON=python3.12
PYTHON ?= python3
VENV ?= .venv
DEMO ?= demo
# The pinned set that is known to work; CONSTRAINTS= takes the newest instead.
CONSTRAINTS ?= constraints.txt
BIN = $(VENV)/bin

.PHONY: install demo test check format docs benchmark clean

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

test: install
	$(BIN)/python -m pytest -n 2 --dist loadfile

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
	$(BIN)/python benchmarks/instructions.py
	$(BIN)/python benchmarks/sources.py
	$(BIN)/python benchmarks/prepare_games.py $(if $(GAMES),--raw $(GAMES))

clean:
	rm -rf $(VENV) $(DEMO) docs/_build docs/api docs/commands.rst build *.egg-info
