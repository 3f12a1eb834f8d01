package runbooks

import "fmt"

// oldValue is the password in Vault before anything happens.
const oldValue = "the-first-password-of-all"

// settings are the second document of the sidecar's plugin.yaml. What stands in
// capitals is replaced.
const settings = `telemetry: {address: ADDRESS, startupWait: 5s}
audit: {directory: DIR/trail, key: DIR/audit.key, required: true, checkpoint: {events: 1, interval: 1s}}
render: {workers: {concurrency: 1, spares: 1}}
waivers: DIR/waivers.yaml
policy: {interval: 1s}
vault:
  address: VAULT
  roles:
    - {name: production, method: kubernetes, vaultRole: argocd-seal-production, tokenFile: DIR/token}
    - {name: ledger, method: kubernetes, vaultRole: argocd-seal-ledger, tokenFile: DIR/token}
bindings:
  - name: shop-production
    projects: [shop-production]
    namespaces: [shop-production]
    role: production
    paths: ["kv/production/shop/**"]
  - name: ledger
    projects: [ledger]
    namespaces: [ledger]
    role: ledger
    paths: ["kv/production/ledger/**"]
environments:
  - name: production
    match: {projects: [shop-production, ledger]}
    policy:
      level: basic-security
      bundles: [DIR/policies]
    injection:
      default: sealed-secret
      sealedSecret:
        certificateFile: DIR/production.crt
        fingerprint: "FINGERPRINT"
        saltFile: DIR/salt
`

func secret(reference string) string {
	return fmt.Sprintf(`apiVersion: v1
kind: Secret
metadata: {name: db}
stringData: {password: "<vault:%s>"}
`, reference)
}

const pod = `apiVersion: v1
kind: Pod
metadata: {name: web}
spec:
  containers:
  - name: web
    image: registry.example.com/shop/web:2
`

// applications are Argo CD's, as an ApplicationSet would make them.
const applications = `apiVersion: argoproj.io/v1alpha1
kind: Application
metadata: {name: shop-production-db, namespace: argocd, labels: {team: shop}}
spec:
  project: shop-production
  source: {repoURL: "https://git.example.com/shop/deploy.git", path: db, plugin: {name: argocd-seal}}
  destination: {namespace: shop-production, server: "https://kubernetes.default.svc"}
---
apiVersion: argoproj.io/v1alpha1
kind: Application
metadata: {name: shop-production-web, namespace: argocd, labels: {team: shop}}
spec:
  project: shop-production
  source: {repoURL: "https://git.example.com/shop/deploy.git", path: web, plugin: {name: argocd-seal}}
  destination: {namespace: shop-production, server: "https://kubernetes.default.svc"}
`
