# Needs python3 ≥ 3.11 and make; everything else is installed from the lock, with hashes, into .venv.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
CHECKED := tests/unit tests/architecture tests/vectors
FURTHER := tests/property tests/adversary tests/conformance tests/integration tests/migration tests/acceptance

.PHONY: demo test serve check bench docs lock clean

$(VENV)/.installed: requirements-dev.lock pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "python3 >= 3.11 is needed")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-build-isolation --no-deps -e .
	touch $@

demo: $(VENV)/.installed ## the whole journey on an embedded bank; leaves nothing running
	$(BIN)/gateway demo

test: check ## everything
	$(BIN)/pytest -n 2 --dist loadfile -m slow $(CHECKED)
	$(BIN)/pytest -n 2 --dist loadfile $(FURTHER)

check: $(VENV)/.installed ## format, lint, types, imports, unit, vectors and architecture; two to three minutes
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/pytest -n 2 --dist loadfile -m "not slow" $(CHECKED)

serve: $(VENV)/.installed ## a gateway on the policies of this folder
	test -d .gateway || $(BIN)/gateway init
	$(BIN)/gateway serve

bench: $(VENV)/.installed ## ONLY=prefix measures some
	$(BIN)/python -m tests.bench $(if $(ONLY),--only $(ONLY))

docs: $(VENV)/.installed ## reference pages from the code
	$(BIN)/python -m tests.architecture.reference

lock: ## after a change of dependencies; needs uv
	uv pip compile --quiet --universal --generate-hashes --no-annotate --no-header --python-version 3.11 pyproject.toml -o requirements.lock
	uv pip compile --quiet --universal --generate-hashes --no-annotate --no-header --python-version 3.11 --group dev pyproject.toml -c requirements.lock -o requirements-dev.lock

clean:
	rm -rf $(VENV) .bench .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .coverage
