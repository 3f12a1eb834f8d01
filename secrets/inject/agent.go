package inject

import (
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
	"github.com/argocd-seal/argocd-seal-plugin/internal/object"
)

// VaultAgent lets Vault's agent injector write the values as files into the
// pods. There is no Secret any more, so only workloads that mount it can use it.
type VaultAgent struct {
	// Role is the role of Vault's Kubernetes auth.
	Role string
	// VaultNamespace is Vault's namespace; empty for none.
	VaultNamespace string
}

var _ Injection = VaultAgent{}

const agentPrefix = "vault.hashicorp.com/"

// agentPipes are functions of the agent's template language (consul-template).
var agentPipes = map[string]string{"base64encode": "base64Encode", "base64decode": "base64Decode", "sha256sum": "sha256Hex"}

// Inject takes the Secret's volumes out of the workloads that mount it and
// annotates them, so that the same files appear at the same paths. It returns
// no object.
func (i VaultAgent) Inject(secret *Secret, workloads []object.Object) ([]object.Object, error) {
	users := secret.users(workloads)
	if len(users) == 0 {
		return nil, secret.fault("", "no workload mounts the Secret, so the agent has nobody to write it for").
			WithFix("mount it, or use the injection %s", KindSealedSecret)
	}
	if len(secret.Imports) > 0 {
		return nil, secret.fault("", "the agent's annotations cannot take all keys of a path").WithFix("name the keys one by one")
	}
	templates := map[string]string{}
	for n := range secret.Entries {
		entry := &secret.Entries[n]
		if entry.Literal() {
			templates[entry.Key] = escapeTemplate(string(entry.Value.Reveal()))
			continue
		}
		template, err := secret.expression(entry, agentFetch, agentPipes)
		if err != nil {
			return nil, err
		}
		templates[entry.Key] = template
	}
	for _, workload := range users {
		if err := i.annotate(secret, workload, templates); err != nil {
			return nil, err
		}
	}
	return nil, nil
}

// agentFetch reads one key; a missing secret or key fails the agent and not
// only the line.
func agentFetch(location Location) fetched {
	at := strconv.Quote(location.APIPath())
	if location.Version > 0 {
		at = strconv.Quote(fmt.Sprintf("%s?version=%d", location.APIPath(), location.Version))
	}
	data := "Data"
	if location.Mount.Version == 2 {
		data = "Data.data"
	}
	return fetched{
		before: "{{ with secret " + at + " }}",
		words:  fmt.Sprintf("index .%s %s", data, strconv.Quote(location.Key)),
		after:  "{{ end }}",
	}
}

func (i VaultAgent) annotate(secret *Secret, workload object.Object, templates map[string]string) error {
	pod, _ := PodOf(workload)
	if field, ok := pod.usesAsEnv(secret.Name()); ok {
		return workload.Fault(fault.Injection, field, "the agent writes files, and this takes a variable from the Secret").
			WithFix("mount the Secret as a volume, or use the injection %s", KindSealedSecret)
	}
	indexes, projected := pod.volumesOf(secret.Name())
	if projected {
		return workload.Fault(fault.Injection, pod.Path+".volumes", "the agent cannot take the place of a projected volume").
			WithFix("mount the Secret as a volume of its own")
	}
	pod.Annotate(agentPrefix+"agent-inject", "true")
	pod.Annotate(agentPrefix+"role", i.Role)
	if i.VaultNamespace != "" {
		pod.Annotate(agentPrefix+"namespace", i.VaultNamespace)
	}
	for _, index := range indexes {
		volume := fields(list(pod.Spec["volumes"])[index])
		for _, file := range volumeFiles(volume, templates) {
			if err := i.file(secret, workload, &pod, text(volume["name"]), file, templates[file.key]); err != nil {
				return err
			}
		}
	}
	removeVolumes(&pod, indexes)
	return nil
}

// firstPath fills the annotation that announces a file. The agent reads what
// the file's template names.
func (s *Secret) firstPath() string {
	for _, entry := range s.Entries {
		for _, location := range entry.Locations {
			return location.APIPath()
		}
	}
	return ""
}

type volumeFile struct{ key, name string }

// volumeFiles returns the files of a Secret volume: all keys, or its items.
func volumeFiles(volume map[string]any, templates map[string]string) []volumeFile {
	var files []volumeFile
	for _, item := range list(fields(volume["secret"])["items"]) {
		key := text(fields(item)["key"])
		if _, ok := templates[key]; ok {
			files = append(files, volumeFile{key, text(fields(item)["path"])})
		}
	}
	if len(files) == 0 {
		for key := range templates {
			files = append(files, volumeFile{key, key})
		}
	}
	slices.SortFunc(files, func(a, b volumeFile) int { return strings.Compare(a.name, b.name) })
	return files
}

// file annotates one file for each place that a container mounts it at. The
// agent writes a file once for the whole pod, so all containers must agree.
func (i VaultAgent) file(secret *Secret, workload object.Object, pod *Pod, volume string, file volumeFile, template string) error {
	target, found := "", false
	for _, container := range pod.Containers() {
		for _, item := range list(container.Fields["volumeMounts"]) {
			mount := fields(item)
			subPath := text(mount["subPath"])
			if text(mount["name"]) != volume || subPath != "" && subPath != file.name {
				continue
			}
			at := path.Join(text(mount["mountPath"]), file.name)
			if subPath != "" {
				at = text(mount["mountPath"])
			}
			if found && at != target {
				return workload.Fault(fault.Injection, container.Path+".volumeMounts", "the containers mount the Secret at different paths, and the agent writes a file once").
					WithFix("use one path for all containers")
			}
			target, found = at, true
		}
	}
	if !found {
		return nil
	}
	// The name of an annotation has 63 characters, and the longest prefix 22.
	id := shortened(secret.Name()+"-"+strings.ReplaceAll(file.name, "/", "-"), 63-len("agent-inject-template-"))
	if _, taken := fields(pod.Metadata["annotations"])[agentPrefix+"agent-inject-template-"+id]; taken {
		return workload.Fault(fault.Injection, pod.Path+".volumes", "the Secret's file %s stands in two volumes, and the agent writes a file once", file.name).
			WithFix("mount the Secret once, or use the injection %s", KindSealedSecret)
	}
	pod.Annotate(agentPrefix+"agent-inject-secret-"+id, secret.firstPath())
	pod.Annotate(agentPrefix+"agent-inject-template-"+id, template)
	pod.Annotate(agentPrefix+"agent-inject-file-"+id, path.Base(target))
	pod.Annotate(agentPrefix+"secret-volume-path-"+id, path.Dir(target))
	return nil
}

// removeVolumes takes volumes out of a pod, and their mounts.
func removeVolumes(pod *Pod, indexes []int) {
	gone := map[string]bool{}
	var kept []any
	for i, volume := range list(pod.Spec["volumes"]) {
		if slices.Contains(indexes, i) {
			gone[text(fields(volume)["name"])] = true
		} else {
			kept = append(kept, volume)
		}
	}
	setOrDelete(pod.Spec, "volumes", kept)
	for _, container := range pod.Containers() {
		var mounts []any
		for _, mount := range list(container.Fields["volumeMounts"]) {
			if !gone[text(fields(mount)["name"])] {
				mounts = append(mounts, mount)
			}
		}
		setOrDelete(container.Fields, "volumeMounts", mounts)
	}
}

func setOrDelete(parent map[string]any, field string, items []any) {
	if len(items) == 0 {
		delete(parent, field)
	} else {
		parent[field] = items
	}
}
