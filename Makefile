# The commands of the project. Each works in a fresh clone with Python 3.11 or newer and make.

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help demo demo-regression test test-deps check docs clean

BIN := .venv/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check
# A stamp is newer than pyproject.toml when what that file asks for is installed.
PACKAGE := .venv/package.stamp
DEVELOPMENT := .venv/development.stamp

DEMO := .llm-latency/demo
DEMO_PYTEST := $(BIN)/pytest example_suites --llm-latency --llm-latency-simulate \
	--llm-latency-environment=demo --llm-latency-baselines='$(CURDIR)/$(DEMO)/baselines' \
	--llm-latency-results='$(CURDIR)/$(DEMO)/results'
DEMO_REPORT = @echo "HTML report: $(CURDIR)/$(DEMO)/results/report/index.html"

help:
	@echo "make demo             measure example_suites/ against the simulator; again: compare with the first run"
	@echo "make demo-regression  the same with a slower simulator: a red build"
	@echo "make test             every check that CI runs"
	@echo "make test-deps        install the Debian packages and axe-core, which some tests need"
	@echo "make check            the checks that need no test run"
	@echo "make docs             write the reference pages from the tables in the code"
	@echo "make clean            remove the virtual environment and what runs have written"

.venv/bin/python:
	@python=$$(.ci/find-python) && echo "make: creating .venv with $$python" && "$$python" -m venv .venv

$(PACKAGE): pyproject.toml | .venv/bin/python
	@echo "make: installing the package"
	@$(PIP) --editable .
	@touch $@

$(DEVELOPMENT): pyproject.toml | .venv/bin/python
	@echo "make: installing the package and the development tools"
	@$(PIP) --editable '.[dev]'
	@touch $(PACKAGE) $@

demo: $(PACKAGE)
	$(DEMO_PYTEST) $(if $(wildcard $(DEMO)/baselines/*),,--llm-latency-accept --llm-latency-reason="first run of the demo")
	$(DEMO_REPORT)

demo-regression: $(PACKAGE)
	@if [ ! -d $(DEMO)/baselines ]; then $(MAKE) --no-print-directory demo; fi
	@echo "make: measuring with a simulator that is 1.6 times as slow: the build should be red"
	@status=0; $(DEMO_PYTEST) --llm-latency-simulate-slowdown=1.6 || status=$$?; \
	if [ $$status -eq 1 ]; then \
		echo "The build is red, as it should be: the simulator was 1.6 times as slow as in the baseline."; \
	else \
		echo "The build should be red (pytest's exit status 1) and ended with $$status."; exit 1; \
	fi
	$(DEMO_REPORT)

test: check
	$(BIN)/pytest --numprocesses=2 --dist=worksteal --cov --cov-report=term-missing

test-deps:
	@.ci/install-debian-packages
	@if command -v npm >/dev/null; then npm ci --prefix tests/axe --ignore-scripts --no-audit --no-fund --silent; fi

check: $(DEVELOPMENT)
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/codespell
	$(BIN)/towncrier build --draft --version unreleased > /dev/null
	$(BIN)/python docs/generate.py --check

docs: $(PACKAGE)
	$(BIN)/python docs/generate.py

clean:
	rm -rf .venv .llm-latency .coverage .coverage.* .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
