# What people type. Each target is one line of a script that can be read by itself.
.DEFAULT_GOAL := help
SHELL := /bin/bash

.PHONY: help build lint unit e2e test test-gitops test-charts audit demo demo-down generate screenshots bench chaos clean

help: ## What there is
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / {printf "  make %-11s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

build: ## Compile the worker, the operator and what tests them
	cargo build --locked --workspace --bins --test e2e

lint: ## Format, clippy, shell scripts, generated files
	scripts/lint

unit: ## Unit tests: no cluster, no root (TEST=part of a name)
	scripts/unit $(TEST)

e2e: ## End-to-end tests whose names contain TEST, on a cluster of their own: make e2e TEST=quota (as root, or with Docker)
	tests/run $(TEST)

test: ## Every test, unit to end-to-end, on a real cluster that is gone afterwards, but test-gitops, chaos and the advice of test-charts
	scripts/test

test-gitops: ## Health and actions by Argo CD's, Flux's and Helm's own code, and Flux itself on a real cluster
	scripts/setup
	tests/gitops/run
	tests/run flux

test-charts: ## The Helm charts without a cluster (as in test), and what kube-score and checkov advise
	tests/charts/run --advice

audit: ## Vulnerabilities, licences and origins of what is linked (OFFLINE=1 without the first)
	scripts/audit

demo: ## A whole video from nothing: cluster, operator, bucket, film (CLUSTER=current for your own)
	scripts/demo up

demo-down: ## Remove all that the demo made, but for the film
	scripts/demo down

generate: ## Write manifests/crds and docs/reference (from the code), the charts' copies, and Argo CD's ConfigMap (from its Lua)
	cargo build --locked --quiet --workspace --bins --test e2e
	RENEW=1 cargo test --locked --quiet --workspace --test reference_pages
	"$${CARGO_TARGET_DIR:-target}/debug/crdgen"
	scripts/charts generate
	manifests/argocd/render

screenshots: ## Pictures of each page of the dashboard, into target/screenshots (as root, or with Docker)
	scripts/screenshots

bench: ## Speed and memory as ratios against peers and bounds
	scripts/bench

chaos: ## Films while the leader is killed, stopped, cut off or wrong about the time (about 20 minutes, as root)
	scripts/chaos

clean: ## Remove what was compiled (the cache of Kubernetes in ~/.cache/videofactory stays)
	cargo clean
	rm -rf demo
