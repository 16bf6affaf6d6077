# `make` lists the targets; `make demo` and `make test` do everything on a fresh machine.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
PIP_INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt
DEMO_OUT := demo-output
PACKAGES := pyproject.toml constraints.txt

.DEFAULT_GOAL := help
MINUTES ?= 5
RUNS ?= 5
HOURS ?= 24
.PHONY: help demo test test-slow test-browser notebook lint types format media fuzz faults long-run audit sbom licences clean

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  make \1\t\2/' | expand -t 20

demo: $(VENV)/.demo ## install, convert real weights, transcribe a short video, show the subtitles
	$(BIN)/ovw convert --size base --fp16 --force
	$(BIN)/ovw transcribe demo/ovw-demo.mp4 --model base-fp16 --output $(DEMO_OUT) --format srt --format json
	@echo
	@cat $(DEMO_OUT)/ovw-demo.srt
	@echo "video      $(CURDIR)/demo/ovw-demo.mp4"
	@echo "subtitles  $(CURDIR)/$(DEMO_OUT)/ovw-demo.srt"
	@echo "model      $$($(BIN)/ovw verify base-fp16 | head -1)"
	@echo "try        $(BIN)/ovw transcribe YOUR_VIDEO"

# two workers on two cores: more threads of PyTorch only wait for each other; behind a crash xdist would wait for ever
test: $(VENV)/.dev ## run the tests (weights come from the package index)
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -m "not slow and not browser" --numprocesses 2 --dist loadfile --max-worker-restart 0

test-slow: $(VENV)/.dev $(VENV)-optimum/.done ## run the long tests too, optimum-intel in an environment of its own
	OVW_OPTIMUM_PYTHON=$(VENV)-optimum/bin/python $(BIN)/python -m pytest -m "not browser"

test-browser: $(VENV)/.browser ## look at the page and the report in Chromium, which has to be installed
	$(BIN)/python -m pytest -m browser

# Jupyter cuts the connection of a kernel that is sent more than 10 MB at once, as a video is
notebook: $(VENV)/.notebook ## open the notebook
	cd notebooks && $(CURDIR)/$(BIN)/jupyter lab \
		--ServerApp.tornado_settings="{'websocket_max_message_size': 2_000_000_000}" video-subtitles.ipynb

lint: $(VENV)/.dev types ## check style, types and what imports what
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	cd build/types && $(CURDIR)/$(BIN)/lint-imports --no-logo $(CURDIR)/pyproject.toml

types: $(VENV)/.dev
	rm -rf build && $(PIP_INSTALL) --no-deps --target build/types .
	MYPYPATH=build/types $(BIN)/mypy -p ovw

format: $(VENV)/.dev ## put the code in order
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

media: $(VENV)/.demo ## make the bundled clips anew (needs espeak-ng)
	$(BIN)/python scripts/make_media.py

fuzz: $(VENV)/.dev ## feed damaged files to every reader, MINUTES=5
	OMP_NUM_THREADS=1 PYTHONPATH=tests $(BIN)/python -m fuzz --minutes $(MINUTES)

faults: $(VENV)/.dev ## kill verbs at random moments and look at what is left, RUNS=5 of each
	OMP_NUM_THREADS=1 PYTHONPATH=tests $(BIN)/python -m fuzz.fault_runs --runs $(RUNS)

long-run: $(VENV)/.dev ## transcribe HOURS=24 of looped speech as one recording and look at what grows
	PYTHONPATH=tests $(BIN)/python -m support.long_run --hours $(HOURS)

audit: $(VENV)/.demo ## compare the installed packages with known advisories (needs a network)
	test -d $(VENV)-audit || $(PYTHON) -m venv $(VENV)-audit
	$(VENV)-audit/bin/pip install --quiet --disable-pip-version-check pip-audit
	$(BIN)/python -m pip list --format freeze --exclude-editable > build-packages.txt
	$(VENV)-audit/bin/pip-audit --requirement build-packages.txt --no-deps --disable-pip; status=$$?; rm build-packages.txt; exit $$status

sbom: $(VENV)/.demo ## write sbom.json, the installed packages as CycloneDX
	$(BIN)/python scripts/sbom.py > sbom.json

licences: $(VENV)/.demo ## list the licences of the installed packages
	$(BIN)/python scripts/sbom.py --licences

clean: ## remove what the other targets made in this folder
	rm -rf $(VENV) $(VENV)-optimum $(VENV)-audit sbom.json fuzz-findings fault-findings.json $(DEMO_OUT) build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.demo: $(PACKAGES) | $(BIN)/python
	$(PIP_INSTALL) --editable '.[convert,weights-base]'
	@touch $@

$(VENV)/.dev: $(PACKAGES) | $(BIN)/python
	$(PIP_INSTALL) --editable '.[dev]'
	@touch $@

$(VENV)/.browser: $(PACKAGES) | $(BIN)/python
	$(PIP_INSTALL) --editable '.[browser]'
	@touch $@

$(VENV)/.notebook: $(PACKAGES) | $(BIN)/python
	$(PIP_INSTALL) --editable '.[notebook]'
	@touch $@

# optimum-intel brings a torchvision that does not go with the CPU build of torch
$(VENV)-optimum/.done: constraints.txt
	$(PYTHON) -m venv $(VENV)-optimum
	$(VENV)-optimum/bin/pip install --quiet torch==2.13.0 optimum-intel==2.2.0 openvino==2026.4.1 av
	$(VENV)-optimum/bin/pip uninstall --quiet --yes torchvision
	@touch $@
