# Two commands are enough for a fresh machine with Python 3.11+ and make: `make demo` and `make test`.
# Each builds what it needs into .venv, from the hashed locks, and says so. `make help` lists the rest.

SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.NOTPARALLEL:

VENV := .venv
BIN := $(VENV)/bin
# Another interpreter: `make test PYTHON=python3.13`.
PYTHON ?= $(shell scripts/find-python)
# Options of the demo: `make demo ARGS="--seconds 60 --listen 127.0.0.1:8000"`.
ARGS ?=
# Parallel test runs, one a core.
WORKERS ?= 2
COMPILE := CUSTOM_COMPILE_COMMAND="make lock" $(BIN)/pip-compile --quiet --generate-hashes --strip-extras --allow-unsafe \
	--no-emit-index-url --no-emit-find-links --no-emit-trusted-host --no-emit-options --annotation-style line

.PHONY: help
help: ## list the commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: demo
demo: $(VENV)/.user ## run the main job on real data, with a page to look at; Ctrl-C ends it
	$(BIN)/foldwatch demo $(ARGS)

.PHONY: demo-kafka
demo-kafka: $(VENV)/.user ## the same through a real Kafka broker, which starts and ends with it
	@scripts/system-packages openjdk-17-jre-headless maven
	@scripts/kafka-broker beside $(BIN)/foldwatch demo --kafka {} $(ARGS)

.PHONY: demo-revalidate
demo-revalidate: $(VENV)/.user ## close the circle, in under three minutes: a class breaks, a worse candidate is rejected, a better one promoted
	@$(BIN)/foldwatch demo --revalidate $(ARGS)

.PHONY: stack
stack: $(VENV)/.user ## alerts for real, in a minute: Kafka, daemon, Prometheus, Alertmanager; the model breaks and a page arrives
	@scripts/system-packages openjdk-17-jre-headless maven prometheus prometheus-alertmanager
	@$(BIN)/python scripts/stack $(ARGS)

.PHONY: test
test: system lint validity-short tests ## everything in short form: lint, validity of the statistics, tests with branch coverage

.PHONY: tests
tests: $(VENV)/.dev $(VENV)/.checks kafka ## only the tests, with branch coverage
	@mkdir -p build
	@echo "tests: pytest on $(WORKERS) cores with branch coverage; join, counts and statistics need 95 %"
	@set -o pipefail; $(BIN)/python -m pytest -n $(WORKERS) --dist worksteal --cov --cov-report= | tee build/pytest.txt
	@$(BIN)/coverage report --skip-covered
	@$(BIN)/coverage report --skip-covered --fail-under=95 --include='monitor/join/*,monitor/counts/*,monitor/statistics/*'
	@tail -n 1 build/pytest.txt

.PHONY: kafka
kafka: ## fetch Apache Kafka from Maven Central into the cache, once, checked to the byte
	@scripts/kafka-broker fetch >/dev/null || true # the tests that need it fail and say so themselves

.PHONY: faults
faults: $(VENV)/.dev ## torment the daemon: long form of tests/faults; `make faults ARGS="--seed 7"` is another bad day
	$(BIN)/python -m pytest tests/faults --long $(ARGS)

.PHONY: lint
lint: $(VENV)/.dev ## ruff, mypy --strict and the import directions
	$(BIN)/ruff check --quiet . scripts/kafka-broker scripts/stack scripts/draw-dashboards
	$(BIN)/ruff format --check --quiet . scripts/kafka-broker scripts/stack scripts/draw-dashboards
	$(BIN)/mypy
	MYPYPATH=scripts $(BIN)/mypy scripts/kafka-broker
	MYPYPATH=tests/support $(BIN)/mypy scripts/stack
	MYPYPATH=tests/support $(BIN)/mypy scripts/draw-dashboards
	$(BIN)/lint-imports

.PHONY: validity-short
validity-short: $(VENV)/.dev
	$(BIN)/python benchmarks/validity.py --short

.PHONY: validity
validity: $(VENV)/.dev ## do the bands hold? Against simulations, long form
	$(BIN)/python benchmarks/validity.py

.PHONY: bench
bench: $(VENV)/.dev ## performance against its targets, long form
	@missed=0; for file in $(filter-out benchmarks/validity.py,$(wildcard benchmarks/*.py)); do \
	  echo "$$file"; $(BIN)/python $$file || missed=1; \
	done; exit $$missed

.PHONY: apiserver
apiserver: $(VENV)/.dev ## the action kubernetes-job against a real kube-apiserver, built from Go modules: ten minutes or more when cold
	PYTHON=$(BIN)/python scripts/kube-apiserver $(ARGS)

.PHONY: drawings
drawings: $(VENV)/.dev kafka ## draw the dashboards as they look on a month of history, into build/dashboards
	$(BIN)/python scripts/draw-dashboards --output build/dashboards $(ARGS)

.PHONY: docs
docs: $(VENV)/.dev ## write docs/reference/ anew from the code
	$(BIN)/python docs/generate.py

.PHONY: system
system: ## install the system packages that tests need (Debian, Ubuntu), elsewhere name them
	@scripts/system-packages chromium prometheus prometheus-alertmanager openjdk-17-jre-headless maven openssl postgresql systemd

.PHONY: lock
lock: $(VENV)/.dev ## resolve the dependencies anew into the hashed locks; `make lock ARGS=--upgrade` takes newer ones
	$(COMPILE) $(ARGS) --extra confluent --extra crossval --build-deps-for editable --output-file requirements.lock pyproject.toml
	$(COMPILE) $(ARGS) $(foreach extra,confluent crossval drift kubernetes mlflow sql,--extra $(extra)) --output-file requirements-dev.lock requirements-dev.in pyproject.toml
	$(COMPILE) $(ARGS) --extra confluent --extra kubernetes --constraint requirements-dev.lock --output-file deploy/requirements.lock pyproject.toml
	$(COMPILE) $(ARGS) --only-build-deps --build-deps-for wheel --constraint requirements-dev.lock --output-file deploy/build.lock pyproject.toml
	$(COMPILE) $(ARGS) --output-file requirements-checks.lock requirements-checks.in

.PHONY: clean
clean: ## remove what was built
	rm -rf $(VENV) build dist .coverage .coverage.* .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache

$(BIN)/python:
	@test -n "$(PYTHON)" || { echo "foldwatch needs Python 3.11 or newer: install it, or name it with PYTHON=/path/to/python" >&2; exit 2; }
	@echo "$(VENV): a virtual environment with $(PYTHON)"
	@scripts/make-venv "$(PYTHON)" $(VENV)

# What users need, and with it the command `foldwatch` from this checkout.
$(VENV)/.user: requirements.lock pyproject.toml | $(BIN)/python
	@echo "$(VENV): installing requirements.lock"
	@$(BIN)/python -m pip install --quiet --require-hashes --requirement requirements.lock
	@$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

# What developers need: the same and the tools. The lock is complete, and older pips stumble over extras of what it pins.
$(VENV)/.dev: requirements-dev.lock pyproject.toml | $(BIN)/python
	@echo "$(VENV): installing requirements-dev.lock"
	@$(BIN)/python -m pip install --quiet --no-deps --require-hashes --requirement requirements-dev.lock
	@$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $(VENV)/.user $@

# What reads deploy/ as security people do: apart, since it pins what others need newer.
$(VENV)/.checks: requirements-checks.lock | $(BIN)/python
	@echo "$(VENV)/checks: installing requirements-checks.lock"
	@$(BIN)/python -m venv $(VENV)/checks
	@$(VENV)/checks/bin/python -m pip install --quiet --require-hashes --requirement requirements-checks.lock
	@touch $@

.PHONY: checks
checks: $(VENV)/.checks ## install what reads deploy/ as security people do
