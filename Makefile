# demae. `make` alone lists what there is. (GNU make 3.81 and a POSIX shell are enough.)
.DEFAULT_GOAL := help
.PHONY: help up down clean status logs psql run demo test check bench trouble chaos mutants explore drawing \
	recording images lock new-service k8s-images k8s-secrets k8s-release k8s-check

# Any Python that is new enough; every other tool comes from requirements/ into .venv.
PYTHON := $(shell for p in python3 python3.14 python3.13 python3.12 python3.11; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
ifeq ($(PYTHON),)
PYTHON := python3
endif

MINUTES ?= 15
SEED ?= 1
STEPS ?= 200000
# The seed that a person gave; empty for none.
GIVEN_SEED = $(if $(filter-out file,$(origin SEED)),$(SEED))

PREPARE = @$(PYTHON) deploy/local/prepare.py
PROGRAM = PYTHONPATH="chassis/src:client/python/src:services:demo:verify:deploy:." .venv/bin/python -m
DEMAE = $(PROGRAM) runtime
CLUSTER_TOOLS = $(PROGRAM) cluster
# Those who only look need no Java, and nothing installed anew.
THERE = @test -x .venv/bin/python || { echo "Nothing runs here yet: make up"; exit 1; }
# Those who stop work also where .venv was removed meanwhile: it is made again when there is something to stop.
AGAIN = @test -x .venv/bin/python || test ! -e "$${DEMAE_STATE:-.run}/settings.json" || \
	$(PYTHON) deploy/local/prepare.py run --no-java

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  make %-11s %s\n", $$1, $$2 }' Makefile
	@echo; echo "  RUNTIME=local     with up: processes instead of containers (compose: containers); kept with the data"
	@echo "  WITHOUT=payment   with up: leave a service to you, for a debugger"
	@echo "  OPEN=1            with up: publish database, broker, Connect and provider of the containers, too"
	@echo "  S=payment         with run, logs, psql: that service"
	@echo "  MINUTES=15 SEED=1 with chaos: how long, and which schedule of faults (explore: SEED alone, else a new one)"
	@echo "  ARGS=--help       with demo, bench, trouble, chaos, mutants, explore, test: what else the program takes"
	@echo "  ./demae --help    what to ask the running system"

up: ## Start everything, wait until it is ready, and follow a first order
	$(PREPARE) run
	@$(DEMAE) up --without "$(WITHOUT)" --open "$(OPEN)"

down: ## Stop everything and keep the data
	$(AGAIN)
	@if [ -x .venv/bin/python ]; then $(DEMAE) down; else echo "Nothing runs here yet: make up"; fi

clean: ## Stop everything and forget the data
	$(AGAIN)
	@if [ -x .venv/bin/python ]; then $(DEMAE) clean; else echo "Nothing runs here yet: make up"; fi

status: ## Show every process: is it ready, since when, how much memory
	$(THERE)
	@$(DEMAE) status

logs: ## Follow the logs, of all or of S=payment
	$(THERE)
	@$(DEMAE) logs $(S)

psql: ## Open the database, as superuser or with the rights of S=payment
	$(THERE)
	@$(DEMAE) psql $(S)

run: ## Run S=payment in the foreground, in place of the supervised one
	$(THERE)
	@$(DEMAE) run $(S)

demo: ## Start what is not running, and play eight ways an order can go
	$(PREPARE) run
	@$(DEMAE) up
	@./demae demo $(ARGS)

test: ## Run the checks, then every test, beside a running `make up`
	$(PREPARE) dev --no-java
	@PYTHONPATH="chassis/src:deploy" .venv/bin/python -m local.suite $(ARGS)

check: ## Run linters, types and import rules
	$(PREPARE) dev --no-java
	@PYTHONPATH=deploy .venv/bin/python -m local.check

bench: ## Measure the whole system under load, and print a table
	$(PREPARE) dev --no-java
	@$(PROGRAM) bench $(ARGS)

trouble: ## Measure what a broken provider and unreadable events do to the running system
	$(PREPARE) dev --no-java
	@$(PROGRAM) trouble $(ARGS)

chaos: ## Break a system of its own at random for MINUTES=15, by SEED=1, and judge what is left
	$(PREPARE) dev $(if $(filter compose,$(RUNTIME)),--no-java)
	@$(PROGRAM) chaos --minutes "$(MINUTES)" --seed "$(SEED)" $(if $(RUNTIME),--runtime "$(RUNTIME)") $(ARGS)

mutants: ## Make mistakes that the design forbids, and see the judge find each (S="no inbox": that one)
	$(PREPARE) dev
	@$(PROGRAM) mutants $(if $(S),"$(S)") $(ARGS)

explore: ## Search STEPS=200000 random moves of all services' rules for one that breaks a promise
	$(PREPARE) dev --no-java
	@$(PROGRAM) explore --steps "$(STEPS)" $(if $(GIVEN_SEED),--seed "$(GIVEN_SEED)") $(ARGS)

drawing: ## Draw the pictures and tables of docs/order.md anew, out of the rules
	$(PREPARE) dev --no-java
	@$(PROGRAM) drawing

recording: ## Record journals as today's code writes them, as NAME=0003-what, for tomorrow's to fold
	$(PREPARE) dev --no-java
	@$(PROGRAM) tests.support.recording "$(if $(findstring command,$(origin NAME)),$(NAME),$(error say NAME=0003-what))"

images: ## Build the images of all services; OFFLINE=1 where no image registry answers
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is missing.")'
	@PYTHONPATH=deploy $(PYTHON) -m containers.images $(OFFLINE)

lock: ## Resolve the dependencies of all pyproject files into requirements/
	$(PREPARE) dev --no-java
	@PYTHONPATH=deploy .venv/bin/python -m local.lock

new-service: ## Write the folder, tests and shared lines of a service NAME=loyalty
	$(PREPARE) dev --no-java
	@$(PROGRAM) scaffold "$(if $(findstring command,$(origin NAME)),$(NAME))"

k8s-images: ## Build, and bring the images to REGISTRY=ghcr.io/me/demae or into CLUSTER=kind, k3d or minikube
	$(PREPARE) dev --no-java
	@$(CLUSTER_TOOLS) images --registry "$(REGISTRY)" --cluster "$(CLUSTER)" --cluster-name "$(CLUSTER_NAME)" $(if $(OFFLINE),--offline)

k8s-secrets: ## Make the Secrets that are missing in kubectl's cluster (bootstrap does so by itself)
	$(PREPARE) dev --no-java
	@$(CLUSTER_TOOLS) secrets

k8s-release: ## Render deploy/k8s into deploy/release/kubernetes-manifests.yaml
	$(PREPARE) dev --no-java
	@$(CLUSTER_TOOLS) release

k8s-check: ## Render every kustomization, and check it against schemas and our policies
	$(PREPARE) dev --no-java
	@$(CLUSTER_TOOLS) check
