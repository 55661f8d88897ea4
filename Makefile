# make run    build every product of the frames in raw_dir (config.yaml), simulated ones by default
# make test   run the tests
# make lint   check style and workflow
# Each makes .venv from requirements.lock on first use.

PYTHON ?= python3
CORES ?= all
BIN := .venv/bin

.PHONY: run test lint lock clean

run: .venv/installed
	$(BIN)/snakemake --cores $(CORES)

test: .venv/installed
	$(BIN)/pytest

lint: .venv/installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/snakefmt --check Snakefile workflow
	$(BIN)/snakemake --lint

# Pin the packages of requirements.txt anew.
lock: .venv/installed
	$(BIN)/pip install --quiet pip-tools
	$(BIN)/pip-compile --quiet --upgrade --generate-hashes --strip-extras --no-header \
		--no-emit-index-url --no-emit-find-links --no-emit-trusted-host --allow-unsafe \
		--output-file requirements.lock requirements.txt

clean:
	rm -rf .venv results .snakemake

.venv/installed: requirements.lock
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	touch $@
