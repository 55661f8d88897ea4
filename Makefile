# make install   make .venv from requirements.lock; the others do so on first use
# make run    build every product of the frames in raw_dir (config.yaml), simulated ones by default
# make report put all answers and pictures into results/report.html, after make run
# make test   run the tests
# make test-slurm   test runs through Slurm (needs root, Debian's slurm-wlm and munge) and object storage
# make lint   check style and workflow
# make docs   build the documentation as a site, site/index.html, and check its links
# make fuzz   read 10000 damaged FITS files, and 2000 damaged tables and configs of each kind
# make benchmark   measure what a campaign costs (docs/benchmarks.md)
# make benchmark-wavelengths   measure the identification of lines (docs/benchmarks.md)
# Each makes .venv from requirements.lock on first use, test-slurm .venv-cluster.

PYTHON ?= python3
CORES ?= all
BIN := .venv/bin

.PHONY: install run report test test-slurm lint docs fuzz benchmark benchmark-wavelengths lock clean

install: .venv/installed

run: .venv/installed
	$(BIN)/snakemake --cores $(CORES)

report: .venv/installed
	$(BIN)/snakemake --report results/report.html

test: .venv/installed
	$(BIN)/pytest --numprocesses auto --dist loadfile

test-slurm: .venv-cluster/installed
	.venv-cluster/bin/pytest -s tests/test_slurm.py tests/test_storage.py

lint: .venv/installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/snakefmt --check Snakefile workflow
	$(BIN)/snakemake --lint

docs: .venv/installed
	$(BIN)/mkdocs build --strict --quiet

# ARGS="--files 30000 --seed 2" and the like choose others.
fuzz: .venv/installed
	OPENBLAS_NUM_THREADS=1 PYTHONPATH=workflow $(BIN)/python tests/fuzz_frames.py $(ARGS)
	OPENBLAS_NUM_THREADS=1 PYTHONPATH=workflow $(BIN)/python tests/fuzz_tables.py $(ARGS)

# ARGS="--exposures 8" runs the first so many; frames are simulated first, and kept.
benchmark: .venv/installed
	$(BIN)/python benchmarks/campaign.py $(ARGS)

# ARGS="--arcs 100" and the like choose what is run; one thread each, so that times compare.
benchmark-wavelengths: .venv/installed
	OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 PYTHONPATH=workflow \
		$(BIN)/python benchmarks/wavelengths.py $(ARGS)

# Pin the packages of requirements.txt anew.
PIN := $(BIN)/pip-compile --quiet --upgrade --generate-hashes --strip-extras --no-header \
	--no-emit-options --allow-unsafe --output-file

lock: .venv/installed
	$(BIN)/pip install --quiet pip-tools
	$(PIN) requirements.lock requirements.txt
	$(PIN) requirements-cluster.lock requirements.txt requirements-cluster.txt

clean:
	rm -rf .venv .venv-cluster results site .snakemake

.venv/installed: requirements.lock
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	touch $@

# What requirements.lock pins and requirements-cluster.txt adds do not always go together.
.venv-cluster/installed: requirements-cluster.lock
	$(PYTHON) -m venv .venv-cluster
	.venv-cluster/bin/pip install --quiet --disable-pip-version-check --require-hashes \
		-r requirements-cluster.lock
	touch $@
