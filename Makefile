# `make` lists the targets; `make demo` and `make test` do everything on a fresh machine.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
# no package without its hash, nothing that is not listed: see docs/security.md, also on PyTorch, the one exception
PIP_INSTALL := -m pip install --quiet --disable-pip-version-check
LOCKED := $(PIP_INSTALL) --require-hashes --no-deps --no-build-isolation
OVW := $(PIP_INSTALL) --no-deps --no-build-isolation
TORCH ?= any
TORCH_any := $(PIP_INSTALL) --constraint constraints.txt torch
TORCH_locked := $(LOCKED) -r requirements/torch.txt
$(if $(TORCH_$(TORCH)),,$(error TORCH=$(TORCH): use TORCH=any or TORCH=locked))
PACKAGES := pyproject.toml constraints.txt $(wildcard requirements/*.txt)
DEMO_OUT := demo-output

.DEFAULT_GOAL := help
MINUTES ?= 5
RUNS ?= 5
HOURS ?= 24
.PHONY: help demo test test-slow test-browser notebook lint types format media fuzz faults long-run audit sbom licences lock clean

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
	rm -rf build && $(BIN)/python $(OVW) --target build/types .
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

long-run: $(VENV)/.dev ## transcribe HOURS=24 of looped speech and look at what grows
	PYTHONPATH=tests $(BIN)/python -m support.long_run --hours $(HOURS)

audit: $(VENV)-audit/.done ## compare the locked packages with known advisories (needs a network)
	$(VENV)-audit/bin/pip-audit --strict --disable-pip --requirement requirements/browser.txt --requirement requirements/notebook.txt \
		--requirement requirements/torch.txt

sbom: $(VENV)/.demo ## write sbom.json, the installed packages as CycloneDX
	$(BIN)/python scripts/sbom.py > sbom.json

licences: $(VENV)/.demo ## list the licences of the installed packages
	$(BIN)/python scripts/sbom.py --licences

lock: $(VENV)-lock/.done ## write requirements/ anew from pyproject.toml and constraints.txt, UPGRADE=1 for newest versions
	$(VENV)-lock/bin/python scripts/lock.py $(VENV)-lock/bin/uv $(if $(UPGRADE),--upgrade)

clean: ## remove what the other targets made in this folder
	rm -rf $(VENV) $(VENV)-optimum $(VENV)-audit $(VENV)-lock sbom.json fuzz-findings fault-findings.json $(DEMO_OUT) build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

# setuptools first, which builds what has no wheel; PyTorch last, for which its dependencies are there by then
$(VENV)/.demo $(VENV)/.dev $(VENV)/.browser $(VENV)/.notebook: $(VENV)/.%: $(PACKAGES) | $(BIN)/python
	$(BIN)/python $(LOCKED) -r requirements/build.txt
	$(BIN)/python $(LOCKED) -r requirements/$*.txt
	$(BIN)/python $(TORCH_$(TORCH))
	$(BIN)/python $(OVW) --editable .
	$(BIN)/python -m pip check
	@touch $@

$(VENV)-audit/.done $(VENV)-lock/.done: $(VENV)-%/.done: requirements/%.txt
	$(PYTHON) -m venv $(VENV)-$*
	$(VENV)-$*/bin/python $(LOCKED) -r requirements/$*.txt
	@touch $@

# without the torchvision that optimum-intel asks for, which does not go with the CPU build of torch
$(VENV)-optimum/.done: requirements/optimum.txt constraints.txt
	$(PYTHON) -m venv $(VENV)-optimum
	$(VENV)-optimum/bin/python $(LOCKED) -r requirements/optimum.txt
	$(VENV)-optimum/bin/python $(TORCH_$(TORCH)) --no-warn-conflicts
	@touch $@
