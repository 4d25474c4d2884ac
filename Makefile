# One environment in .venv, made once and again only when the files that describe it change.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
OUT ?= reports
SOURCE ?= sandbox

.PHONY: report test lab lint bench study clean help

help:
	@echo "make report   a gap report on the sandbox, in $(OUT)/ (SOURCE=path of an export for yours)"
	@echo "make test     the tests"
	@echo "make lab      JupyterLab on the notebooks"
	@echo "make lint     ruff, mypy and deptry"
	@echo "make bench    speed and memory against named alternatives, one JSON line each"
	@echo "make study    the long studies: hundreds of worlds, dozens of kills"

$(VENV)/.run: pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "engagement_nb needs Python 3.11 or newer: make PYTHON=/path/to/python3.11 ...")'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[notebooks]'
	@touch $@

$(VENV)/.test: $(VENV)/.run
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[test]'
	@touch $@

report: $(VENV)/.run
	$(BIN)/engagement-nb report --source "$(SOURCE)" -o "$(OUT)"

test: $(VENV)/.test
	$(BIN)/python -m pytest -n auto --dist loadgroup

lab: $(VENV)/.run
	$(BIN)/engagement-nb lab

lint: $(VENV)/.test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/deptry .

bench: $(VENV)/.test
	$(BIN)/python -m benchmarks

study: $(VENV)/.test
	$(BIN)/python -m studies.gap_worlds
	$(BIN)/python -m studies.kills
	$(BIN)/python -m tests.sandbox.fuzz 10000

clean:
	rm -rf $(VENV) $(OUT) build dist
