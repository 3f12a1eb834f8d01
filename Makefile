# `make help` says what there is. Two commands matter on a fresh machine:
# `make demo` and `make test`. Everything that is built on the way stays in
# .cache and bin, which Git ignores.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
# Two of the server builds at a time would not fit into the memory of a laptop.
.NOTPARALLEL:

# The flags of the image's binary, which is static, hold for all that is built
# here: with other flags every package would be compiled once more. Only the race
# detector needs cgo, so that unit tests run with the flags of a plain `go test`.
PLAIN_GOFLAGS := $(shell go env GOFLAGS)
export GOFLAGS := $(strip $(PLAIN_GOFLAGS) -trimpath)
export CGO_ENABLED := 0

CACHE := $(CURDIR)/.cache
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
IMAGE ?= argocd-seal:dev
SOAK ?= 20m

GOLANGCI_VERSION := 2.15.0
GOVULNCHECK_VERSION := 1.9.0
# A mirror of Go's database of vulnerabilities may be named.
VULNDB ?= https://vuln.go.dev
GOLANGCI := $(CACHE)/tools/golangci-lint-$(GOLANGCI_VERSION)
GORELEASER := $(CACHE)/tools/goreleaser-2.15.1
CYCLONEDX := $(CACHE)/tools/cyclonedx-gomod-1.10.0
COSIGN := $(CACHE)/tools/cosign-2.6.5
FREEZE := $(CACHE)/tools/freeze-0.2.2

# The real servers and programs that the tests run, by version. The versions of
# Argo CD are those of the go.mod files below e2e/servers; the names stand in
# e2e/harness/binaries.go too.
ARGOCD2 := $(CACHE)/servers/argocd-v2-2.14.21
ARGOCD3 := $(CACHE)/servers/argocd-v3-3.2.12
KUSTOMIZE := $(CACHE)/servers/kustomize-5.8.1
HELM := $(CACHE)/servers/helm-3.20.2
CONFTEST := $(CACHE)/servers/conftest-0.71.1
VAULT := $(CACHE)/servers/vault-1.17.6
VAULT_PLUGIN := $(CACHE)/servers/argocd-vault-plugin-1.18.1
APISERVER := $(CACHE)/servers/kube-apiserver-1.33.13
CONTROLLER := $(CACHE)/servers/sealed-secrets-controller-0.27.1
FORWARD := $(CACHE)/servers/fluentforward-0.165.0
KUBESEAL := $(CACHE)/servers/kubeseal-0.27.1
KYVERNO := $(CACHE)/servers/kyverno-1.14.4
SEALED_CRD := $(CACHE)/servers/sealed-secrets-crd-0.27.1.yaml
EXTERNAL_CRD := $(CACHE)/servers/external-secrets-crd-0.20.4.yaml

# What cannot be installed is left out, and the tests that need it say so and
# are skipped. With CI=true that is a failure.
or_skip = || { echo "make: $(notdir $(1)) cannot be installed; its tests are skipped" >&2; test "$${CI:-}" != true; }

.PHONY: help
help: ## this list
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: demo
demo: build ## one request from end to end, on a temporary socket
	go run ./internal/demo

.PHONY: build
build: ## the static binary bin/argocd-seal
	go build -ldflags "-s -w -X main.version=$(VERSION)" -o bin/argocd-seal ./cmd/argocd-seal

.PHONY: image
image: ## the container image argocd-seal:dev, or IMAGE=name; needs docker
	docker build --build-arg VERSION=$(VERSION) --tag $(IMAGE) .

.PHONY: generate
generate: ## the documents and schemas that are made from the code
	go generate ./...

# npm would put its packages beside the documents, where Go looks for code too.
SITE := $(CACHE)/site-source
.PHONY: site
site: ## the documents as a site, in .cache/site
	@mkdir -p $(SITE)
	@find $(SITE) -mindepth 1 -maxdepth 1 ! -name node_modules -exec rm -rf {} +
	@cp -r docs/. $(SITE)
	@cd $(SITE) && { cmp -s package-lock.json node_modules/.of || { npm ci --no-audit --no-fund --ignore-scripts && cp package-lock.json node_modules/.of; }; }
	cd $(SITE) && npx --no-install vitepress build .

# Not part of generate: it downloads each release of Kubernetes once, some
# hundred megabytes. The list of releases stands in the program.
.PHONY: schemas
schemas: ## the schemas of Kubernetes' kinds, from the Go modules of its releases
	go run ./policy/schema/internal/condense policy/schema/schemas.gz

.PHONY: test
test: check unit e2e ## everything: checks, unit tests, real servers, end-to-end tests

.PHONY: check
check: lint tidy fresh ## format, linters, go.mod and generated files

.PHONY: lint
lint: $(GOLANGCI)
	$(GOLANGCI) run --allow-parallel-runners ./...
	cd e2e && $(GOLANGCI) run --allow-parallel-runners --config ../.golangci.yaml ./...

.PHONY: tidy
tidy:
	go mod tidy -diff
	cd e2e && go mod tidy -diff

# Every file that Git knows or would add, before and after generating: this
# works in a tree with other changes as well.
state = git ls-files -z --cached --others --exclude-standard | xargs -0 sha256sum 2>/dev/null || true

.PHONY: fresh
fresh:
	@before=$$($(state)); go generate ./...; after=$$($(state)); \
	diff <(echo "$$before") <(echo "$$after") || { echo "make: generated files were not fresh; they are now" >&2; exit 1; }

.PHONY: unit
unit: build $(VAULT) $(CONFTEST) $(KYVERNO) $(FORWARD) $(EXTERNAL_CRD) $(COSIGN) debian ## unit tests with the race detector
	CGO_ENABLED=1 GOFLAGS="$(PLAIN_GOFLAGS)" go test -race -timeout 30m ./...

.PHONY: threats
threats: build $(VAULT) ## each attack and fault of docs/security.md, and how many hold
	@go test -v -count 1 -timeout 30m ./internal/threats | tee $(CACHE)/threats.log | \
	  awk '/^ *--- FAIL|^FAIL|^panic|_test.go:/ { print } /^[0-9]+ rows: / { rows = $$0 } END { print rows }'

.PHONY: soak
soak: build $(VAULT) ## twenty minutes of mixed load, or SOAK=1h; not part of test
	ARGOCD_SEAL_SOAK=$(SOAK) go test -count 1 -timeout 0 -run TestSoak -v ./internal/threats

# Nothing else asks for the database, so that a machine without it can do the
# rest. What govulncheck finds is an error.
.PHONY: vulncheck
vulncheck: ## known vulnerabilities in what the code calls; docs/advisories.md
	@if curl --fail --silent --output /dev/null --max-time 30 $(VULNDB)/index/db.json; then \
	  go run golang.org/x/vuln/cmd/govulncheck@v$(GOVULNCHECK_VERSION) -db $(VULNDB) ./...; \
	else echo "make: $(VULNDB) cannot be reached: nothing was checked" >&2; fi

.PHONY: e2e
e2e: build servers ## end-to-end and differential tests
	cd e2e && go test -timeout 30m ./...

.PHONY: bench
bench: build servers ## measures against the real repo-server; writes docs/benchmarks.md
	cd e2e && go run ./bench -o ../docs/benchmarks.md

# How long one target runs, as Go writes durations. FUZZ is a regular expression
# for the targets; empty means all of them.
FUZZTIME ?= 10m
FUZZ ?=

.PHONY: fuzz
fuzz: ## every fuzz target for FUZZTIME, by default 10m, one after the other
	go run ./internal/fuzz -time $(FUZZTIME) -only '$(FUZZ)'

.PHONY: servers
servers: $(ARGOCD2) $(ARGOCD3) $(KUSTOMIZE) $(HELM) $(CONFTEST) $(VAULT) $(VAULT_PLUGIN) $(APISERVER) $(CONTROLLER) $(KUBESEAL) $(SEALED_CRD) $(EXTERNAL_CRD) $(KYVERNO) $(FORWARD) $(GORELEASER) $(CYCLONEDX) $(COSIGN) debian ## the real servers for the tests, built once

$(CACHE)/servers/argocd-v2-%: e2e/servers/argocd-v2/go.mod e2e/servers/argocd-v2/main.go
	@echo "make: building $(@F), some minutes the first time"
	@cd $(<D) && go build -o $@ . $(call or_skip,$@)

$(CACHE)/servers/argocd-v3-%: e2e/servers/argocd-v3/go.mod e2e/servers/argocd-v3/main.go
	@echo "make: building $(@F), some minutes the first time"
	@cd $(<D) && go build -o $@ . $(call or_skip,$@)

# Some test-only modules of Vault cannot be had, so that its go.mod cannot be
# tidied and is completed while building.
$(VAULT): e2e/servers/vault/go.mod e2e/servers/vault/main.go
	@echo "make: building $(@F), some minutes the first time"
	@cd $(<D) && go build -mod=mod -o $@ . $(call or_skip,$@)

# Its go.mod names modules that only the clients of other backends need.
$(VAULT_PLUGIN): e2e/servers/argocd-vault-plugin/go.mod e2e/servers/argocd-vault-plugin/main.go
	@echo "make: building $(@F), a minute the first time"
	@cd $(<D) && go build -mod=mod -o $@ . $(call or_skip,$@)

$(FORWARD): e2e/servers/fluentforward/go.mod e2e/servers/fluentforward/main.go
	@echo "make: building $(@F), a minute the first time"
	@cd $(<D) && go build -o $@ . $(call or_skip,$@)

# The tools that these go.mod files name are the upstream programs themselves.
$(APISERVER): e2e/servers/kubernetes/go.mod
	@echo "make: building $(@F), a quarter of an hour the first time"
	@cd $(<D) && go build -o $@ k8s.io/kubernetes/cmd/kube-apiserver $(call or_skip,$@)

$(CONTROLLER): e2e/servers/sealed-secrets/go.mod
	@cd $(<D) && go build -o $@ github.com/bitnami-labs/sealed-secrets/cmd/controller $(call or_skip,$@)

$(KUBESEAL): e2e/servers/sealed-secrets/go.mod
	@cd $(<D) && go build -o $@ github.com/bitnami-labs/sealed-secrets/cmd/kubeseal $(call or_skip,$@)

# Symbols would make it a quarter larger. Test-only modules are not in its go.mod.
$(KYVERNO): e2e/servers/kyverno/go.mod
	@echo "make: building $(@F), some minutes the first time"
	@cd $(<D) && go build -ldflags "-s -w" -o $@ github.com/kyverno/kyverno/cmd/cli/kubectl-kyverno $(call or_skip,$@)

$(SEALED_CRD): e2e/servers/sealed-secrets/go.mod
	@cd $(<D) && install -m 644 "$$(go list -m -f '{{.Dir}}' github.com/bitnami-labs/sealed-secrets)"/helm/sealed-secrets/crds/bitnami.com_sealedsecrets.yaml $@ $(call or_skip,$@)

# The operator itself runs in no test: its schema says what it takes.
$(EXTERNAL_CRD):
	@mkdir -p $(@D)
	@dir=$$(go mod download -json github.com/external-secrets/external-secrets@v$(patsubst external-secrets-crd-%.yaml,%,$(@F)) | sed -n 's/^.*"Dir": "\(.*\)".*$$/\1/p') && \
	  install -m 644 "$$dir"/config/crds/bases/external-secrets.io_externalsecrets.yaml $@ $(call or_skip,$@)

# go install picks the name; the version goes behind it.
install = GOBIN=$(@D) go install $(1) && mv $(@D)/$(2) $@

$(KUSTOMIZE):
	@$(call install,sigs.k8s.io/kustomize/kustomize/v5@v$(subst kustomize-,,$(@F)),kustomize) $(call or_skip,$@)

$(HELM):
	@$(call install,helm.sh/helm/v3/cmd/helm@v$(subst helm-,,$(@F)),helm) $(call or_skip,$@)

$(CONFTEST):
	@$(call install,github.com/open-policy-agent/conftest@v$(subst conftest-,,$(@F)),conftest) $(call or_skip,$@)

$(GOLANGCI):
	$(call install,github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v$(GOLANGCI_VERSION),golangci-lint)

$(GORELEASER):
	@echo "make: building $(@F), some minutes the first time"
	@$(call install,github.com/goreleaser/goreleaser/v2@v$(subst goreleaser-,,$(@F)),goreleaser) $(call or_skip,$@)

$(CYCLONEDX):
	@$(call install,github.com/CycloneDX/cyclonedx-gomod/cmd/cyclonedx-gomod@v$(subst cyclonedx-gomod-,,$(@F)),cyclonedx-gomod) $(call or_skip,$@)

$(COSIGN):
	@echo "make: building $(@F), some minutes the first time"
	@$(call install,github.com/sigstore/cosign/v2/cmd/cosign@v$(subst cosign-,,$(@F)),cosign) $(call or_skip,$@)

$(FREEZE):
	$(call install,github.com/charmbracelet/freeze@v$(subst freeze-,,$(@F)),freeze)

# What a person would see, cut to the width of a page.
.PHONY: picture
picture: build $(FREEZE) ## the picture of make demo in the README, docs/demo.svg
	@go run ./internal/demo >$(CACHE)/demo.out 2>$(CACHE)/demo.err
	@{ echo '$$ grep -rh vault: examples/payments'; grep -rh vault: examples/payments | sed 's/^ *//'; echo; echo '$$ make demo'; grep '^demo: the' $(CACHE)/demo.err; \
	  awk '/^---/ { n++ } n == 2' $(CACHE)/demo.out; echo '...'; grep '^demo: [Ao]' $(CACHE)/demo.err; } | cut -c1-96 >$(CACHE)/demo.txt
	$(FREEZE) $(CACHE)/demo.txt --language yaml --window --theme github-dark --padding 20 --font.family monospace --font.size 13 --output docs/demo.svg

# The steps of a release find its tools on PATH.
workshop = mkdir -p $(CACHE)/bin && ln -sf $(GORELEASER) $(CACHE)/bin/goreleaser && ln -sf $(CYCLONEDX) $(CACHE)/bin/cyclonedx-gomod && \
  ln -sf $(COSIGN) $(CACHE)/bin/cosign && export PATH="$(CACHE)/bin:$$PATH"

# What is tried is signed by a key that nobody trusts; COSIGN_KEY names another.
THROWAWAY := $(CACHE)/throwaway/cosign.key
$(THROWAWAY): $(COSIGN)
	@mkdir -p $(@D) && cd $(@D) && rm -f cosign.* && COSIGN_PASSWORD= $(COSIGN) generate-key-pair

.PHONY: release
release: $(GORELEASER) $(CYCLONEDX) $(COSIGN) $(THROWAWAY) ## what a release is made of, in dist; nothing is published
	@$(workshop) && export COSIGN_PASSWORD="$${COSIGN_PASSWORD-}" COSIGN_KEY="$${COSIGN_KEY-$(THROWAWAY)}" && set -x && goreleaser release --snapshot --clean

# In CI alone: cosign signs as the workflow, whose identity is what people verify.
.PHONY: publish
publish: $(GORELEASER) $(CYCLONEDX) $(COSIGN)
	@$(workshop) && set -x && goreleaser release --clean

# After publish or release, whose lists of modules it attests, for an image that
# was pushed: IMAGE=name@sha256:digest. A tag could be moved before it is signed.
# COSIGN_FLAGS is for registries that are not like others.
sign = $(if $(COSIGN_KEY),--key $(COSIGN_KEY) --tlog-upload=false) --yes $(COSIGN_FLAGS)
.PHONY: sign-image
sign-image: $(COSIGN)
	@[[ "$(IMAGE)" == *@sha256:* ]] || { echo "make: IMAGE must be name@sha256:digest" >&2; exit 1; }
	go run ./internal/provenance -ref "$(RELEASE_REF)" -version "$(VERSION)" \
	  -builder "$${BUILDER_ID:-https://github.com/argocd-seal/argocd-seal-plugin/blob/main/CONTRIBUTING.md#release}" -invocation "$${BUILD_URL-}" >dist/image.provenance.json
	$(COSIGN) sign $(sign) "$(IMAGE)"
	$(COSIGN) attest $(sign) --type slsaprovenance1 --predicate dist/image.provenance.json "$(IMAGE)"
	for list in dist/*_linux_*.cdx.json; do $(COSIGN) attest $(sign) --type cyclonedx --predicate "$$list" "$(IMAGE)"; done

.PHONY: debian
debian:
	@{ command -v redis-server && command -v etcd && command -v promtool && command -v rsyslogd && command -v chromium && command -v npm && command -v jq && ls /usr/lib/*/rsyslog/lmnsd_gtls.so; } >/dev/null 2>&1 || \
	  { test "$$(id -u)" = 0 && apt-get update -q && apt-get install -y -q redis-server etcd-server prometheus rsyslog rsyslog-gnutls chromium npm jq; } $(call or_skip,redis-server etcd promtool rsyslog chromium npm jq)

.PHONY: clean
clean: ## removes what was built, the servers too
	rm -rf bin dist dist-manual .cache
