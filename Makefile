# Two commands do everything on a fresh machine: `make demo` and `make test`.
# They need Python 3.11 or newer with pip; the rest is installed into .venv and js/node_modules.

PYTHON ?= python3
BIN := .venv/bin
STAMPS := .make
FRONT_END := $(shell find js -path js/node_modules -prune -o -type f -print 2>/dev/null)

.DEFAULT_GOAL := help
.PHONY: help demo test check bench dev docs setup browser proxies format lock clean

help: ## list the commands
	@awk -F':.*## ' '/^[a-z]+:.*## /{printf "make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: setup ## start the sandbox with call traffic and open the Voila dashboard
	@$(BIN)/livewidgets demo

test: setup browser proxies check ## run every check and every test
	$(BIN)/python hatch_build.py run test
	$(BIN)/python -m pytest -n 2 --dist loadscope --no-loadscope-reorder

check: setup ## what CI demands of the code: format, lint, types, layers
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python hatch_build.py run check

bench: setup browser ## print our figures beside those of the peers, as ratios
	$(BIN)/python -m benchmarks

dev: setup ## JupyterLab on the notebooks, with front-end sources watched
	@$(BIN)/python hatch_build.py run watch & watcher=$$!; trap "kill $$watcher" EXIT; \
	ANYWIDGET_HMR=1 $(BIN)/jupyter lab --notebook-dir notebooks

docs: setup ## build the documentation into site/
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict

format: setup ## let ruff and biome rewrite the sources
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .
	$(BIN)/python hatch_build.py run format

lock: setup ## pin the newest Python packages that pyproject.toml allows
	$(BIN)/python -m pip install --quiet uv
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --all-extras --upgrade --no-header pyproject.toml -o requirements.lock

clean: ## remove everything that was installed or built
	rm -rf .venv $(STAMPS) js/node_modules src/livewidgets/static dist site

setup: $(STAMPS)/python $(STAMPS)/bundles $(STAMPS)/package

browser: setup
	@$(BIN)/python -m tests.e2e.browser

proxies: setup
	@$(BIN)/python -m tests.e2e.proxies

$(STAMPS)/python: requirements.lock
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "livewidgets needs Python 3.11 or newer; this is %s. Try: make PYTHON=python3.12 ..." % sys.version.split()[0])'
	@$(PYTHON) -m venv .venv || { echo "Python's venv module is missing; install it (Debian: apt-get install python3-venv)." >&2; exit 1; }
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.lock
	@mkdir -p $(STAMPS) && touch $@

# Node comes from the machine; where it has none (or an old one), from a wheel.
$(STAMPS)/bundles: $(STAMPS)/python hatch_build.py $(FRONT_END)
	@$(BIN)/python hatch_build.py has-node || $(BIN)/python -m pip install --quiet --disable-pip-version-check "$$($(BIN)/python hatch_build.py node-wheel)"
	$(BIN)/python hatch_build.py
	@touch $@

$(STAMPS)/package: $(STAMPS)/python pyproject.toml hatch_build.py $(wildcard src/livewidgets/voila/*) | $(STAMPS)/bundles
	LIVEWIDGETS_PREBUILT=1 $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --editable .
	@touch $@
