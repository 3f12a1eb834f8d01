# The image of the sidecar: one static binary and its configuration. There is no
# shell, no git, no helm and no kustomize in it, so that nothing that an
# application's repository says can start one.
#
#   make image
#
# Pin the toolchain by digest where builds must be repeatable:
#   --build-arg GO_IMAGE=golang:1.26.11@sha256:...
ARG GO_IMAGE=golang:1.26.11

FROM --platform=$BUILDPLATFORM ${GO_IMAGE} AS build
WORKDIR /src
# Modules change less often than code: they get a layer of their own.
COPY go.mod go.sum ./
RUN go mod download
COPY . .
ARG TARGETOS=linux
ARG TARGETARCH=amd64
ARG VERSION=dev
RUN CGO_ENABLED=0 GOOS=${TARGETOS} GOARCH=${TARGETARCH} go build -trimpath -buildvcs=false -ldflags "-s -w -X main.version=${VERSION}" -o /out/argocd-seal ./cmd/argocd-seal

FROM scratch
LABEL org.opencontainers.image.title="argocd-seal" \
      org.opencontainers.image.description="Argo CD plugin that renders, seals and gates manifests" \
      org.opencontainers.image.source="https://github.com/argocd-seal/argocd-seal-plugin" \
      org.opencontainers.image.licenses="Apache-2.0"
# The authorities that sign the certificates of Vault, registries and Git servers.
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY --from=build /out/argocd-seal /usr/local/bin/argocd-seal
# Replace it by mounting a ConfigMap over the directory.
COPY plugin.yaml /home/argocd/cmp-server/config/plugin.yaml
COPY LICENSE /LICENSE
# Argo CD's uid. It is a number because Kubernetes can check only a number
# against runAsNonRoot, and because there is no /etc/passwd here.
USER 999:999
# Nothing is written outside of the plugins' socket directory, which is a volume:
# the root file system may be read-only.
ENTRYPOINT ["/usr/local/bin/argocd-seal"]
CMD ["serve"]
