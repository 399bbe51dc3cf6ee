# Everything that is done with modelgate by hand or by machine. `make help` lists it.

export CGO_ENABLED := 0
export MODELGATE_TEST_CACHE ?= $(HOME)/.cache/modelgate-test

VERSION   ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
LDFLAGS   := -s -w -X main.version=$(VERSION)
LINT_VERSION := v2.15.0
LINT_BIN  := $(MODELGATE_TEST_CACHE)/bin/golangci-lint-$(LINT_VERSION)

.PHONY: help build run test lint unit bench demo fuzz fixtures test-real clean

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 12

build: ## build bin/modelgate
	go build -ldflags '$(LDFLAGS)' -o bin/modelgate ./cmd/modelgate

run: build ## build and start the gateway with no configuration
	bin/modelgate serve

test: lint unit ## everything that must hold: lint, unit, conformance and end-to-end tests (installs what it needs)

unit: # the end-to-end tests build what they test, which the cache of test results does not see
	go test -timeout 20m $$(go list ./... | grep -v /internal/e2e)
	go test -timeout 20m -count=1 ./internal/e2e

lint: $(LINT_BIN) ## the house's rules, import arrows included
	$(LINT_BIN) run --allow-parallel-runners ./...

$(LINT_BIN):
	mkdir -p $(dir $@)
	GOBIN=$(dir $@) go install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(LINT_VERSION)
	mv $(dir $@)golangci-lint $@

bench: build ## measure modelgate beside the alternatives in one run
	go run ./bench

demo: build ## a good and an evil model, a real client and a 403, offline, in under a minute
	./demo/run.sh

fuzz: ## fuzz every parser for FUZZTIME (default 60s) each
	./tools/fuzz.sh $(or $(FUZZTIME),60s) . fuzz.tsv

fixtures: ## write the scanner's honest fixtures anew from the libraries (FAMILIES="keras onnx" for some)
	./tools/fixtures/run.sh $(FAMILIES)

test-real: ## fetch packages that ship real models, write large fixtures, scan them all, and install from the real index in every way
	OUT=$(MODELGATE_TEST_CACHE)/fixtures-large LARGE=1 ./tools/fixtures/run.sh $(FAMILIES)
	MODELGATE_LARGE_FIXTURES=$(MODELGATE_TEST_CACHE)/fixtures-large go test -tags real -timeout 60m -count=1 -run TestRealPackages -v ./internal/scanner
	go test -tags real -timeout 60m -count=1 -parallel 40 -run 'TestPopularPackages|TestEveryWayToInstall|TestInstallersWaitLong' ./internal/e2e

clean: ## remove what was built
	rm -rf bin
