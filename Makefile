# The front door: `make demo` and `make test` set up and run on a fresh machine.
PY ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
PIP = $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt
SOURCE ?=
DEMO ?= quanheng-demo
SERVE ?= --serve
WORKERS ?= 2

.PHONY: demo test check promises bench index screenshots clean

$(VENV)/demo.ok: pyproject.toml constraints.txt
	$(PY) -m venv $(VENV)
	$(PIP) -e '.[demo]'
	touch $@

$(VENV)/dev.ok: pyproject.toml constraints.txt
	$(PY) -m venv $(VENV)
	$(PIP) -e '.[dev]'
	touch $@ $(VENV)/demo.ok

demo: $(VENV)/demo.ok
	$(BIN)/quanheng demo $(if $(SOURCE),--source '$(SOURCE)') --to $(DEMO) $(SERVE)

# The promises at full counts, and the walk over every page, have a target of their own; `pytest` alone runs everything.
WALK = tests/faces/browser/test_every_page.py
test: $(VENV)/dev.ok
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadgroup --ignore=tests/promises --ignore=$(WALK)

promises: $(VENV)/dev.ok
	QUANHENG_PROMISES=full $(BIN)/python -m pytest -n $(WORKERS) --dist loadgroup tests/promises $(WALK)

check: $(VENV)/dev.ok
	$(BIN)/ruff format --check src tests bench
	$(BIN)/ruff check src tests bench
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m pytest tests/docs

bench: $(VENV)/dev.ok
	$(BIN)/python -m bench.run

index: $(VENV)/dev.ok
	$(BIN)/python -m quanheng.cli.build_index

screenshots: $(VENV)/dev.ok
	$(BIN)/quanheng demo --to $(DEMO)
	$(BIN)/python docs/screenshots.py $(DEMO) build/screenshots

clean:
	rm -rf $(VENV) $(DEMO) build dist
