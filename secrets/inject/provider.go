package inject

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
	"github.com/argocd-seal/argocd-seal-plugin/internal/object"
)

// SecretProviderClass lets the Secrets Store CSI driver with Vault's provider
// fetch the values and keep a Secret in step while a pod mounts them.
type SecretProviderClass struct {
	// VaultAddress is Vault's address as the nodes see it.
	VaultAddress string
	// Role is the role of Vault's Kubernetes auth.
	Role string
	// VaultNamespace is Vault's namespace; empty for none.
	VaultNamespace string
}

var _ Injection = SecretProviderClass{}

// mountRoot is where the driver's files appear in a container. The files are
// there because the driver makes the Secret only while they are.
const mountRoot = "/mnt/secrets-store/"

// Inject returns one SecretProviderClass and gives every workload that uses the
// Secret its volume and mounts.
func (i SecretProviderClass) Inject(secret *Secret, workloads []object.Object) ([]object.Object, error) {
	users := secret.users(workloads)
	if len(users) == 0 {
		return nil, secret.fault("", "no workload uses the Secret, and the CSI driver makes it only while one does").
			WithFix("remove the Secret, or use the injection %s", KindSealedSecret)
	}
	if len(secret.Imports) > 0 {
		return nil, secret.fault("", "a SecretProviderClass cannot take all keys of a path").WithFix("name the keys one by one")
	}
	if secret.immutable() {
		return nil, secret.fault("immutable", "the CSI driver cannot make an immutable Secret").
			WithFix("leave immutable out, or use the injection %s", KindSealedSecret)
	}
	parameters, pairs, err := i.parameters(secret)
	if err != nil {
		return nil, err
	}
	synced := map[string]any{"secretName": secret.Name(), "type": secret.secretType(), "data": pairs}
	child := secret.childMetadata()
	for _, field := range []string{"labels", "annotations"} {
		if child[field] != nil {
			synced[field] = child[field]
		}
	}
	for _, workload := range users {
		if err := i.mount(secret, workload); err != nil {
			return nil, err
		}
	}
	return []object.Object{secret.emit(map[string]any{
		"apiVersion": "secrets-store.csi.x-k8s.io/v1", "kind": "SecretProviderClass", "metadata": secret.metadata(),
		"spec": map[string]any{"provider": "vault", "parameters": parameters, "secretObjects": []any{synced}},
	})}, nil
}

func (i SecretProviderClass) parameters(secret *Secret) (map[string]any, []any, error) {
	var remotes []map[string]any
	var pairs []any
	for n := range secret.Entries {
		entry := &secret.Entries[n]
		location, decode, ok := entry.direct()
		if !ok {
			return nil, nil, secret.fault("", "key %q is more than one whole value, which a SecretProviderClass cannot compose", entry.Key).
				WithFix("store it in Vault as it is needed, or use the injection %s", KindSealedSecret)
		}
		remote := map[string]any{"objectName": entry.Key, "secretPath": location.APIPath(), "secretKey": location.Key}
		if decode {
			remote["encoding"] = "base64"
		}
		if location.Version > 0 {
			remote["secretArgs"] = map[string]any{"version": strconv.Itoa(location.Version)}
		}
		remotes = append(remotes, remote)
		pairs = append(pairs, map[string]any{"key": entry.Key, "objectName": entry.Key})
	}
	// The provider reads this parameter as YAML, and JSON is YAML.
	objects, err := json.Marshal(remotes)
	if err != nil {
		return nil, nil, secret.Object.Fault(fault.Internal, "", "the object cannot be encoded")
	}
	parameters := map[string]any{"vaultAddress": i.VaultAddress, "roleName": i.Role, "objects": string(objects)}
	if i.VaultNamespace != "" {
		parameters["vaultNamespace"] = i.VaultNamespace
	}
	return parameters, pairs, nil
}

func (i SecretProviderClass) mount(secret *Secret, workload object.Object) error {
	pod, _ := PodOf(workload)
	// A volume's name is a DNS label: no dots, and 63 characters.
	name := shortened("vault-"+strings.ReplaceAll(secret.Name(), ".", "-"), 63)
	volumes := list(pod.Spec["volumes"])
	if slices.ContainsFunc(volumes, func(v any) bool { return text(fields(v)["name"]) == name }) {
		return workload.Fault(fault.Injection, pod.Path+".volumes", "there is a volume %q already", name).WithFix("rename the volume")
	}
	pod.Spec["volumes"] = append(volumes, map[string]any{
		"name": name,
		"csi": map[string]any{
			"driver": "secrets-store.csi.k8s.io", "readOnly": true,
			"volumeAttributes": map[string]any{"secretProviderClass": secret.Name()},
		},
	})
	for _, container := range pod.Containers() {
		container.Fields["volumeMounts"] = append(list(container.Fields["volumeMounts"]), map[string]any{
			"name": name, "mountPath": mountRoot + secret.Name(), "readOnly": true,
		})
	}
	return nil
}
