# Every target runs on the Node of the npm packages; the machine's own (18 or later) only runs npm.
# YES=1 answers every question.
SHELL := /bin/bash
ROOT := $(CURDIR)
export YES
export PATH := $(ROOT)/node_modules/node/bin:$(ROOT)/node_modules/.bin:$(PATH)
.DEFAULT_GOAL := help
SUITES := unit contract integration attack e2e chaos

.PHONY: help
help: ## list the targets
	@awk -F ':.*## ' '/^[a-z0-9%-]+:.*## / { printf "  make %-18s %s\n", $$1, $$2 }' Makefile

.PHONY: setup
setup: ## install what is missing: container engine, Redis, packages, images
	@ops/setup.sh

.PHONY: run
run: ## set up what is missing and start everything in the foreground
	@ops/setup.sh && exec ops/with-engine.sh bin/clawcage up

.PHONY: test
test: ## run every suite and the checks; the last line is "N passed, N failed"
	@ops/test.sh

.PHONY: test-unit test-contract test-integration test-attack test-e2e test-chaos
test-unit: ## functions and single parts, no engine
test-contract: ## every implementation of a port against the port's promises
test-integration: ## parts together with the real engine, Redis and PostgreSQL
test-attack: ## what an agent, a tenant or the network could try
test-e2e: ## the command against the whole stack
test-chaos: ## crashes and cut wires under load, the short form
test-unit test-contract test-integration test-attack test-e2e test-chaos: test-%:
	@ops/test.sh $*

.PHONY: check
check: ## types, lint, format, import rules, dead code
	@ops/test.sh check

.PHONY: format
format: ready ## format every file
	@prettier --write --log-level warn .

.PHONY: images
images: ready ## build the images of cage and gate that are missing
	@ops/with-engine.sh node ops/images.ts

.PHONY: bench
bench: ready ## measure against peers in the same run; writes bench/RESULTS.md (minutes)
	@ops/with-engine.sh node bench/main.ts

.PHONY: bench-caps
bench-caps: images ## hold the caps against all that is hard on them, by the provider's books: SEED=… MINUTES=5
	@ops/with-engine.sh node bench/caps.ts $(if $(SEED),--seed $(SEED)) $(if $(MINUTES),--minutes $(MINUTES))

.PHONY: chaos
chaos: images ## crashes under load, the long form: SEED=… MINUTES=60 KILLS=100 (as root; an hour and more)
	@ops/with-engine.sh node test/chaos/main.ts $(if $(SEED),--seed $(SEED)) $(if $(MINUTES),--minutes $(MINUTES)) $(if $(KILLS),--kills $(KILLS)) $(CHAOS_OPTIONS)

.PHONY: clean
clean: ## remove what builds and tests left in the checkout
	@rm -rf build

.PHONY: uninstall
uninstall: ready ## stop the service; remove its containers, volumes, networks, images and, after a question, its home
	@ops/with-engine.sh node ops/uninstall.ts

.PHONY: ready
ready:
	@test -x node_modules/node/bin/node || { echo 'The packages are not installed: run make setup.' >&2; exit 3; }
