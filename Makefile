# One environment in .venv, made once and again only when the files that describe it change.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt
OUT ?= reports
SOURCE ?= sandbox
VERSION = $(shell sed -n 's/^__version__ = "\(.*\)"/\1/p' engagement_nb/__init__.py)
# The tests start hundreds of processes: each would compile the package anew.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: report test lab lint docs site bench study mutants release clean help

help:
	@echo "make report   a gap report on the sandbox, in $(OUT)/ (SOURCE=path of an export for yours)"
	@echo "make test     the tests"
	@echo "make lab      JupyterLab on the notebooks"
	@echo "make lint     ruff, mypy, deptry, codespell and proselint"
	@echo "make docs     the documentation site, in site/"
	@echo "make site     the same with the page for a file and the lessons, which run in a browser"
	@echo "make bench    speed and memory against named alternatives, one JSON line each"
	@echo "make mutants  which changes of the rules, the pacing and the analysis no test notices"
	@echo "make release  the package is built, tried in an empty environment, and tagged: all but the upload"
	@echo "make study    the long studies: hundreds of worlds, dozens of kills"

$(VENV)/.run: pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "engagement_nb needs Python 3.11 or newer: make PYTHON=/path/to/python3.11 ...")'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(PIP) pip
	$(PIP) -e '.[notebooks]'
	@touch $@

$(VENV)/.test: $(VENV)/.run
	$(PIP) -e '.[notebooks,dask]' --group test --group lint
	$(PIP) --no-deps tweepy  # it pins an older oauthlib than the one it works with
	@touch $@

$(VENV)/.docs: $(VENV)/.run
	$(PIP) --group docs
	@touch $@

$(VENV)/.site: $(VENV)/.docs
	$(PIP) --group site
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
	$(BIN)/codespell
	$(BIN)/proselint check *.md docs/*.md

docs: $(VENV)/.docs
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet

# PYODIDE_DIR=folder puts a copy of Pyodide into the site, which then needs no other host.
site: $(VENV)/.site docs
	$(BIN)/python -m web.build site

release: $(VENV)/.test
	test -z "$$(git status --porcelain)" || { echo "Commit first: a release is made of what is committed."; exit 1; }
	rm -rf dist
	$(BIN)/python -m build --outdir dist .
	$(BIN)/twine check --strict dist/*
	$(PYTHON) -m venv --clear dist/empty
	dist/empty/bin/python -m pip install --quiet --disable-pip-version-check -c constraints.txt dist/*.whl
	cd dist && empty/bin/python -c "import engagement_nb as enb; print(enb.explore_gap(enb.connect()).sentence)"
	rm -rf dist/empty
	sed -n '/^## \[$(VERSION)\]/,/^## \[/{/^## /!p}' CHANGELOG.md >dist/notes.md
	test -s dist/notes.md || { echo "CHANGELOG.md has no section $(VERSION)."; exit 1; }
	git tag --annotate v$(VERSION) --cleanup=whitespace --file=dist/notes.md
	@echo "v$(VERSION) is tagged and in dist/. To publish: git push --tags, and twine upload dist/engagement_nb*"

bench: $(VENV)/.test
	$(BIN)/python -m benchmarks

study: $(VENV)/.test
	$(BIN)/python -m studies.gap_worlds
	$(BIN)/python -m studies.gap_numbers
	$(BIN)/python -m studies.compare
	$(BIN)/python -m studies.kills
	$(BIN)/python -m studies.kills --api v2
	$(BIN)/python -m studies.odd_answers
	$(BIN)/python -m studies.strangers
	$(BIN)/python -m tests.sandbox.fuzz 10000
	$(BIN)/python -m studies.law 2000

mutants: $(VENV)/.test
	$(PIP) --group mutants
	$(BIN)/mutmut run
	$(BIN)/mutmut results

clean:
	rm -rf $(VENV) $(OUT) build dist site mutants
