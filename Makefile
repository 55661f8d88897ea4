# make run       build every product of the frames in raw_dir (config.yaml), simulated ones by default
# make report    collect all answers and pictures in results/report.html, after make run
# make test      run the tests
# make lint      check style, types and workflow
# make docs      build the documentation as a site, site/index.html, and check its links
# make install   install what a run needs; make install-dev what all others need, too
# make lock      pin the packages of requirements*.txt in requirements*.lock
# make test-slurm   test runs through Slurm (needs root, Debian's slurm-wlm and munge) and object storage
# make fuzz      read 10000 damaged FITS files, and 2000 damaged tables and configs of each kind
# make benchmark, make benchmark-wavelengths, make benchmark-conditions   measure what a campaign
#                costs, the identification of lines, and fluxes of hard frames (docs/benchmarks.md)
# make profile   list the functions in which jobs spend their time (docs/benchmarks.md)
# make benchmark-fluxes, make benchmark-gains   measure line fluxes, and gain and read noise,
#                condition by condition (docs/closure.md, docs/extraction.md)
# Each installs what it needs into .venv on first use, test-slurm into .venv-cluster.

PYTHON ?= python3
CORES ?= all
BIN := .venv/bin
# uv installs in a tenth of the time of pip, which does the same where there is no uv or with UV=.
UV := $(shell command -v uv)
INSTALL = $(if $(UV),$(UV) pip install --python $(@D)/bin/python,$(@D)/bin/pip install \
	--disable-pip-version-check) --quiet --require-hashes --requirement $<

.PHONY: install install-dev run report test test-all test-slurm lint docs fuzz benchmark profile \
	benchmark-wavelengths benchmark-conditions benchmark-fluxes benchmark-gains lock clean

install: .venv/installed

install-dev: .venv/installed-dev

run: .venv/installed
	$(BIN)/snakemake --cores $(CORES)

report: .venv/installed
	$(BIN)/snakemake --report results/report.html

test: .venv/installed-dev
	$(BIN)/pytest --numprocesses auto --dist loadfile -m "not slow"

test-all: .venv/installed-dev
	$(BIN)/pytest --numprocesses auto --dist loadfile

test-slurm: .venv-cluster/installed
	.venv-cluster/bin/pytest -s tests/workflow/test_slurm.py tests/workflow/test_storage.py

lint: .venv/installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/snakefmt --check Snakefile workflow
	$(BIN)/mypy
	$(BIN)/snakemake --lint

docs: .venv/installed-dev
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

# ARGS="--files 30000 --seed 2" and the like choose others.
fuzz: .venv/installed-dev
	OPENBLAS_NUM_THREADS=1 PYTHONPATH=workflow $(BIN)/python tests/fuzz_frames.py $(ARGS)
	OPENBLAS_NUM_THREADS=1 PYTHONPATH=workflow $(BIN)/python tests/fuzz_tables.py $(ARGS)

# ARGS="--exposures 8" runs only the first 8; frames are simulated first, and kept.
benchmark: .venv/installed-dev
	$(BIN)/python benchmarks/campaign.py $(ARGS)

# Frames as for the benchmark; one thread, so that processor time is that of the functions.
profile: .venv/installed-dev
	OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 $(BIN)/python benchmarks/profile_jobs.py $(ARGS)

# ARGS="--arcs 100" and the like choose what is run; one thread each, so that times compare.
benchmark-wavelengths: .venv/installed-dev
	OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 PYTHONPATH=workflow \
		$(BIN)/python benchmarks/wavelengths.py $(ARGS)

# ARGS="--frames 20 --seed 7 tilt" and the like choose frames and conditions.
benchmark-conditions: .venv/installed-dev
	OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 PYTHONPATH=workflow \
		$(BIN)/python benchmarks/conditions.py $(ARGS)

# ARGS="--spectra 5 --seed 7 --condition crowded" and the like choose what is run.
benchmark-fluxes: .venv/installed-dev
	OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 PYTHONPATH=workflow:tests \
		$(BIN)/python benchmarks/line_fluxes.py $(ARGS)

# ARGS="--frames 8 --seed 7 slit" and the like choose lamps and conditions.
benchmark-gains: .venv/installed-dev
	OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 PYTHONPATH=workflow \
		$(BIN)/python benchmarks/gains.py $(ARGS)

# UPGRADE= keeps the versions that are pinned and only adds or removes packages.
UPGRADE ?= --upgrade
PIN := $(BIN)/pip-compile --quiet $(UPGRADE) --generate-hashes --strip-extras --no-header \
	--no-emit-options --allow-unsafe --output-file

# What requirements-cluster.txt adds does not always go together with requirements.lock.
lock: .venv/installed-dev
	$(BIN)/pip install --quiet pip-tools
	$(PIN) requirements.lock requirements.txt
	$(PIN) requirements-dev.lock --constraint requirements.lock \
		requirements.txt requirements-dev.txt
	$(PIN) requirements-cluster.lock requirements.txt requirements-dev.txt requirements-cluster.txt

clean:
	rm -rf .venv .venv-cluster results site .snakemake

.venv/bin/pip:
	$(PYTHON) -m venv .venv

.venv/installed: requirements.lock | .venv/bin/pip
	$(INSTALL)
	touch $@

.venv/installed-dev: requirements-dev.lock | .venv/bin/pip
	$(INSTALL)
	touch $@ .venv/installed

.venv-cluster/installed: requirements-cluster.lock
	$(PYTHON) -m venv .venv-cluster
	$(INSTALL)
	touch $@
