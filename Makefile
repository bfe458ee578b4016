# Everything a person types. `make help` lists it.
SHELL := /bin/bash
.DEFAULT_GOAL := help
CLUSTER ?= standalone
PRESET ?= smoke
CLUSTERBED := .venv/bin/clusterbed
PYTHON := .venv/bin/python
# What `make clean` and `make distclean` would remove, and what `make demo` needs to know of the machine it began on.
BARE := $(shell docker image inspect clusterbed/spark:paper >/dev/null 2>&1 && echo 0 || echo 1)

help: ## This list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-16s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
	@echo "  Variables: CLUSTER=$(CLUSTER) PRESET=$(PRESET) IMAGES=folder WEIGHTS=file.pth GROUP=model"

setup: ## Install and start what is missing: engine, plugins, .venv
	@docker/host/engine.sh
	@docker/host/venv.sh

images: setup ## Build the images, and pack the Python environment for YARN
	@$(CLUSTERBED) images

demo: export DEMO_BEGAN := $(shell date +%s.%N)
demo: export DEMO_BARE := $(BARE)
demo: ## The paper's job on three clusters, with a report: results/demo/report.html
	@$(MAKE) --no-print-directory images
	@$(PYTHON) -m experiments.demo

model: images ## Build the models (WEIGHTS=path.pth takes official YOLACT weights, CONFIGURATION=r101)
	@$(PYTHON) -m experiments.cli.app model $(if $(WEIGHTS),--weights "$(WEIGHTS)") $(if $(CONFIGURATION),--configuration "$(CONFIGURATION)")

train: images ## Train the model that ships; goes on where it was interrupted
	@$(PYTHON) -m experiments.training

netron: images ## A model's graph in the browser (MODEL=file, PORT=number)
	@$(PYTHON) -m experiments.cli.app netron $(if $(MODEL),--model "$(MODEL)") $(if $(PORT),--port "$(PORT)")

bench: $(if $(SHOW),,images) ## The performance figures of a group (GROUP=model, engines, ablation, runner, or all; STEPS=names; SHOW=1 only prints)
	@$(if $(SHOW),docker/host/venv.sh)
	@$(PYTHON) -m experiments.bench "$(or $(GROUP),all)" $(foreach step,$(STEPS),--step "$(step)") $(if $(FRESH),--fresh) $(if $(SHOW),--show)

cluster-up: images ## Start a cluster (CLUSTER=name, or a path to a TOML of yours)
	@$(CLUSTERBED) up "$(CLUSTER)"

cluster-down: ## Take it down
	@$(CLUSTERBED) down "$(CLUSTER)"

cluster-status: ## Its nodes, limits and addresses
	@$(CLUSTERBED) status "$(CLUSTER)"

test: setup ## All tests, with Docker and a browser
	@$(MAKE) --no-print-directory --jobs 2 --output-sync=line images test-unit # the images are mostly downloads
	@tests/browser/setup.sh
	@$(PYTHON) -m pytest tests/cluster tests/browser --durations 20

test-unit: ## The tests that need no Docker
	@docker/host/venv.sh
	@$(PYTHON) -m pytest tests/unit

test-browser: ## Those of the reports, in Debian's Chromium
	@tests/browser/setup.sh
	@$(PYTHON) -m pytest tests/browser

lint: ## ruff, types, and shell syntax
	@docker/host/venv.sh
	@.venv/bin/ruff check . && .venv/bin/ruff format --check . && .venv/bin/mypy
	@for script in docker/host/*.sh docker/python/*.sh docker/base/files/usr/local/bin/* tests/browser/*.sh; do bash -n "$$script" || exit 1; done

clean: ## Take clusters down, remove state, logs and artefacts; says how much disk that frees
	@[ ! -x $(CLUSTERBED) ] || $(CLUSTERBED) down --all
	@[ ! -d .clusterbed ] || du -sh .clusterbed | awk '{print "removing .clusterbed (" $$1 "): state, logs, models, packed environment"}'
	@rm -rf .clusterbed/clusters .clusterbed/logs .clusterbed/artefacts .clusterbed/host
	@echo "images stay: $$(docker image ls -q 'clusterbed/*' 2>/dev/null | wc -l) of them; make distclean removes them too"

distclean: clean ## The same, and the project's images, its build cache and .venv
	@docker image ls --format '{{.Repository}}:{{.Tag}} {{.Size}}' 'clusterbed/*' 2>/dev/null | sed 's/^/removing image /' || true
	@docker image ls -q 'clusterbed/*' 2>/dev/null | sort -u | xargs -r docker image rm -f >/dev/null
	@rm -rf .venv .clusterbed

matrix: images ## An experiment (PRESET=name, RUN=id, RESUME=1): the same as clusterbed run
	@$(CLUSTERBED) run "$(PRESET)" $(if $(RUN),--run-id "$(RUN)") $(if $(RESUME),--resume)

reproduce: $(if $(PLAN),,images) ## The paper's whole workflow, to be resumed (PRESETS="names", REPEATS=number, PLAN=1: only what is left)
	@$(if $(PLAN),docker/host/venv.sh)
	@$(PYTHON) -m experiments.reproduce $(foreach preset,$(PRESETS),--preset "$(preset)") \
		$(if $(REPEATS),--set "repeats=$(REPEATS)") $(if $(PLAN),--plan)

report: ## Figures and report again from what is stored, without Docker (RUN=results/ID, several with OUT=folder)
	@docker/host/venv.sh
	@$(CLUSTERBED) report $(or $(RUN),$(error give a run with RUN=results/ID)) $(if $(OUT),--out "$(OUT)")

soak: ## Not built yet
	@echo "make $@: not built yet; see make help" >&2; exit 2

.PHONY: help setup images demo model train netron bench cluster-up cluster-down cluster-status test test-unit test-browser lint \
	clean distclean matrix reproduce report soak
