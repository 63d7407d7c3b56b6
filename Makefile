# Two words to know: `make demo` shows the exchange at work, `make test` proves it.
VENV := .venv
PY := $(VENV)/bin/python
STAMP := $(VENV)/.installed

.PHONY: demo test lint fix unit broker generate observe bench-check simulate faults late-commit malformed fuzz registry deploy-check bench clean

$(STAMP): requirements.txt pyproject.toml hatch_build.py src/exchange/core/_avro.pyx
	test -x $(PY) || python3 -m venv $(VENV)
	@# requirements.txt is the whole closure: --no-deps, since pip 23 in hash mode takes a newer release for what an extra names.
	$(PY) -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements.txt
	$(PY) -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	$(PY) -m pip check --quiet --disable-pip-version-check
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

# Two processes keep two cores busy to seven tenths; a file's tests may share an exchange, so a file stays in one process.
broker: $(STAMP)
	$(VENV)/bin/pytest -q tests/broker -n 2 --dist loadfile --no-loadscope-reorder

# FAULTS=20 SEED=7 EVENTS=2000 NODES=3 KINDS=kill,cut OUT=results.jsonl: docs/faults.md.
FAULTS ?= 20
SEED ?= 7
EVENTS ?= $(shell expr $(FAULTS) \* 100)
NODES ?= 1
faults: $(STAMP)
	$(PY) -m exchange.testing.faults --faults $(FAULTS) --seed $(SEED) --events $(EVENTS) --nodes $(NODES) \
		$(if $(KINDS),--kinds $(KINDS)) $(if $(OUT),--out $(OUT)) --json

# Every parser by atheris (Linux, CPython 3.11 to 3.13), its share of SECONDS each: docs/hostile-input.md.
SECONDS ?= 120
fuzz: $(STAMP)
	$(PY) -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r tests/fuzz/requirements.txt
	$(PY) tests/fuzz/fuzz.py --seconds $(SECONDS) $(if $(TARGET),--target $(TARGET))

# COUNT=100000 takes two and a half minutes: docs/hostile-input.md.
COUNT ?= 2000
RATE ?= 500
malformed: $(STAMP)
	$(PY) -m exchange.testing.malformed --count $(COUNT) --seed $(SEED) --rate $(RATE)

# Schema registry mode on a real Apicurio Registry 3.3.3: 158 MB, fetched once with Maven; without it these tests are skipped.
registry: $(STAMP)
	$(PY) -m exchange.testing.apicurio
	$(VENV)/bin/pytest -q -n 0 tests/broker/test_registry.py

# What lies in deploy/, as far as this machine can verify it; what is skipped is named with what it takes. CHECK=chart for a part.
deploy-check: $(STAMP)
	$(PY) deploy/check/check.py $(CHECK)

# A commit held back and let go into the next transaction, on a plain loop and on ours.
TIMES ?= 200
late-commit: $(STAMP)
	$(PY) tests/broker/late_commit.py --times $(TIMES)

generate: $(STAMP)
	$(PY) schemas/generate.py
	$(PY) docs/render.py
	$(PY) deploy/grafana/generate.py

# CARDS=folder measures your own cards.
bench-check: $(STAMP)
	$(PY) tests/bench_check.py $(CARDS)

# SEEDS=100000 takes longer; FROM=7 SEEDS=1 runs one seed again.
SEEDS ?= 1000
FROM ?= 0
simulate: $(STAMP)
	$(PY) -m exchange.testing.simulation --seeds $(SEEDS) --from $(FROM)

# A whole exchange under load, watched by a real Prometheus and Alertmanager: docs/observing.md.
OBSERVE_SECONDS ?= 120
OBSERVE_OUT ?= docs/observe
observe: $(STAMP)
	$(PY) -m exchange.testing.observe --seconds $(OBSERVE_SECONDS) --out $(OBSERVE_OUT) $(if $(WHERE),--where "$(WHERE)")

# Ours beside Faust, Quix Streams, confluent-kafka and Kafka Streams: docs/bench.md. QUICK=1 takes five minutes, ONLY=latency ROUNDS=1 a part.
BENCH := .venv-bench
$(BENCH)/.installed: requirements.txt bench/requirements.txt
	test -x $(BENCH)/bin/python || python3 -m venv $(BENCH)
	$(BENCH)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements.txt
	$(BENCH)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r bench/requirements.txt
	touch $@

bench: $(BENCH)/.installed
	PYTHONPATH=src:. $(BENCH)/bin/python -m bench $(if $(QUICK),--quick) $(if $(ONLY),--only $(ONLY)) $(if $(ROUNDS),--rounds $(ROUNDS))

fix: $(STAMP)
	$(VENV)/bin/ruff check --fix .
	$(VENV)/bin/ruff format .

clean:
	rm -rf $(VENV) dist build src/exchange/core/*.so
