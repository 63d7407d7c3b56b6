# Two words to know: `make demo` shows the exchange at work, `make test` proves it.
VENV := .venv
PY := $(VENV)/bin/python
STAMP := $(VENV)/.installed

.PHONY: demo test lint fix unit broker generate bench-check pin clean

$(STAMP): requirements.txt pyproject.toml
	test -x $(PY) || python3 -m venv $(VENV)
	$(PY) -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.txt
	$(PY) -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	touch $(STAMP)

demo: $(STAMP)
	$(VENV)/bin/exchange demo

test: lint unit broker

lint: $(STAMP)
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy
	$(VENV)/bin/lint-imports

unit: $(STAMP)
	$(VENV)/bin/pytest -q -n auto -m "not broker"

broker: $(STAMP)
	$(VENV)/bin/pytest -q -m broker

generate: $(STAMP)
	$(PY) schemas/generate.py
	$(PY) docs/render.py

# CARDS=folder measures your own cards.
bench-check: $(STAMP)
	$(PY) tests/bench_check.py $(CARDS)

fix: $(STAMP)
	$(VENV)/bin/ruff check --fix .
	$(VENV)/bin/ruff format .

clean:
	rm -rf $(VENV) dist build
