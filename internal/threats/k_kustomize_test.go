package threats

import (
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// listener counts whoever connects.
func listener(t testing.TB) (address string, hits *atomic.Int64) {
	t.Helper()
	hits = &atomic.Int64{}
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("a: b\n")) }))
	server.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			hits.Add(1)
		}
	}
	server.Start()
	t.Cleanup(server.Close)
	return server.Listener.Addr().String(), hits
}

// A remote reference with options for git must not run git: GHSA-9v9p-x54c-58gc.
func TestK1RemoteRefRunsNothing(t *testing.T) {
	row(t)
	s := start(t, settings{})
	mark := s.file("mark")
	remote := "file:///tmp/norepo?ref=--upload-pack=%73%68%20-c%20%22touch%20" + mark + "%22"
	for _, field := range []string{
		"resources: ['" + remote + "']", "components: ['" + remote + "']", "bases: ['" + remote + "']", "generators: ['" + remote + "']",
		"transformers: ['" + remote + "']", "validators: ['" + remote + "']",
		"resources: ['file:///tmp/norepo?version=--upload-pack=sh']",
	} {
		s.refused(t, s.ask(t, files{"app/kustomization.yaml": field + "\n"}), "E_REMOTE_REF")
	}
	if _, err := os.Stat(mark); !os.IsNotExist(err) {
		t.Errorf("a command has run: %v", err)
	}
}

// kustomization is an application of one kustomization.
func kustomization(text string, more files) files {
	content := files{"app/kustomization.yaml": text}
	for name, file := range more {
		content[name] = file
	}
	return content
}

// Whatever kustomize could take for a remote place is refused before kustomize
// sees it.
func TestK2EverySpellingOfARemotePlace(t *testing.T) {
	row(t)
	s := start(t, settings{})
	address, hits := listener(t)
	for _, spelling := range []string{
		"git@h:o/r.git", "git::https://h/o/r", "GIT::https://h/o/r", "HTTPS://h/o/r", "github.com/o/r", "dev.azure.com/o/_git/r", "file:///x", "FILE:///x",
		"ssh://-oProxyCommand=x/r", "http:x", "//h/x", "../../x?ref=a", "-x", " https://h/x", `a\0b`, `https:\\\\h`, "user:pw@h:r", "./https://h", "%68ttps://h",
		"oci://h/x", "http://" + address + "/x", "git::http://" + address + "/x?timeout=9999h", "http://" + address + "/x//y?ref=z&submodules=true",
	} {
		if a := s.ask(t, kustomization("resources: [\""+spelling+"\"]\n", nil)); a.code() != "E_REMOTE_REF" && a.code() != "E_PATH" && a.code() != "E_KUSTOMIZE" {
			t.Errorf("%q gives %.200q", spelling, a.text())
		}
	}
	s.unharmed(t)
	if hits.Load() > 0 {
		t.Errorf("%d connections were made", hits.Load())
	}
}

// Each field that kustomize loads a file from opens URLs as well.
func TestK3NoFieldReachesTheNetwork(t *testing.T) {
	row(t)
	s := start(t, settings{})
	address, hits := listener(t)
	url := "http://" + address + "/meta"
	base := files{"app/c.yaml": configMap, "app/base/kustomization.yaml": "resources: []\n"}
	for _, field := range []string{
		"resources: [URL]", "patches: [{path: URL}]", "patchesStrategicMerge: [URL]", "patchesJson6902: [{path: URL, target: {version: v1, kind: ConfigMap, name: c}}]",
		"configMapGenerator: [{name: x, files: [\"leak=URL\"]}]", "configMapGenerator: [{name: x, envs: [URL]}]", "configMapGenerator: [{name: x, env: URL}]",
		"secretGenerator: [{name: x, files: [URL]}]", "secretGenerator: [{name: x, envs: [URL]}]", "crds: [URL]", "configurations: [URL]", "openapi: {path: URL}",
		"replacements: [{path: URL}]", "generators: [URL]", "transformers: [URL]", "validators: [URL]", "components: [URL]", "bases: [URL]",
		"resources: [base]\ntransformers: ['{apiVersion: builtin, kind: PatchTransformer, metadata: {name: p}, path: \"URL\"}']",
		"generators: ['{apiVersion: builtin, kind: ConfigMapGenerator, metadata: {name: g}, files: [\"leak=URL\"]}']",
	} {
		text := strings.ReplaceAll(field, "URL", url)
		if !strings.Contains(field, "resources") {
			text = "resources: [c.yaml]\n" + text
		}
		if a := s.ask(t, kustomization(text+"\n", base)); a.code() != "E_REMOTE_REF" && a.code() != "E_PLUGIN" {
			t.Errorf("%s gives %.200q", field, a.text())
		}
	}
	for dir, head := range map[string]string{"base": "", "component": "apiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\n"} {
		nested := files{"app/" + dir + "/kustomization.yaml": head + "configMapGenerator: [{name: x, files: ['leak=" + url + "']}]\n"}
		field := map[string]string{"base": "resources: [base]\n", "component": "components: [component]\n"}[dir]
		if a := s.ask(t, kustomization(field, nested)); a.code() != "E_REMOTE_REF" {
			t.Errorf("a nested %s gives %.200q", dir, a.text())
		}
	}
	s.unharmed(t)
	if hits.Load() > 0 {
		t.Errorf("%d connections were made", hits.Load())
	}
}

// A schema of one tenant must not decide how another's patch is merged: the
// harmless application has a patch for one of two containers.
func TestK4SchemaOfOneTenantStaysThere(t *testing.T) {
	row(t)
	s := start(t, settings{})
	schema := `{"definitions":{"io.k8s.api.apps.v1.Deployment":{"type":"object","properties":{"spec":{"type":"object"}},` +
		`"x-kubernetes-group-version-kind":[{"group":"apps","kind":"Deployment","version":"v1"}]}}}`
	content := s.shop()
	delete(content, "app/secret.yaml")
	content["app/kustomization.yaml"] = "resources: [web.yaml]\npatches: [{path: patch.yaml}]\nopenapi: {path: s.json}\n"
	content["app/s.json"] = schema
	for range 3 {
		if a := s.ask(t, content); a.err != nil || strings.Contains(a.text(), "guard") {
			t.Errorf("the schema has no effect, so that this test could find nothing: %s", a.text())
		}
		s.unharmed(t)
	}
	var group sync.WaitGroup
	for range 12 {
		group.Go(func() { s.ask(t, content) })
		group.Go(func() { s.unharmed(t) })
	}
	group.Wait()
}

// A few bytes end a process that follows aliases; the worker is such a one.
func TestK5CyclesOfAliases(t *testing.T) {
	row(t)
	s := start(t, settings{})
	cycle := "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\ndata: &a\n  k: *a\n"
	s.refused(t, s.ask(t, kustomization("resources: [c.yaml]\n", files{"app/c.yaml": cycle})), "E_RENDER_CRASH", "E_YAML_ALIAS")
	s.refused(t, s.ask(t, files{"app/c.yaml": cycle}), "E_RENDER_CRASH", "E_YAML_ALIAS")
}

func TestK5bCyclesInsideAPatch(t *testing.T) {
	row(t)
	s := start(t, settings{})
	for _, field := range []string{
		`patches: [{target: {kind: ConfigMap}, patch: "a: &a [*a]\n"}]`,
		`patchesStrategicMerge: ["a: &a [*a]\n"]`,
		`generators: ["apiVersion: builtin\nkind: ConfigMapGenerator\nmetadata: &a {name: x, a: *a}\n"]`,
		`transformers: ["apiVersion: builtin\nkind: PrefixTransformer\nmetadata: &a {name: x, a: *a}\nprefix: b\n"]`,
	} {
		s.refused(t, s.ask(t, kustomization("resources: [c.yaml]\n"+field+"\n", files{"app/c.yaml": configMap})),
			"E_RENDER_CRASH", "E_YAML_ALIAS", "E_KUSTOMIZE", "E_PLUGIN")
	}
}

// lines of a bomb: each has nine times the one before.
func bomb(levels int) string {
	text := "x0: &x0 [a, a, a, a, a, a, a, a, a]\n"
	for i := range levels {
		text += fmt.Sprintf("x%d: &x%d [%s]\n", i+1, i+1, strings.TrimSuffix(strings.Repeat(fmt.Sprintf("*x%d, ", i), 9), ", "))
	}
	return text
}

func TestK6BombsOfAliases(t *testing.T) {
	row(t)
	s := start(t, settings{})
	content := "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\n" + bomb(6)
	began := time.Now()
	s.refused(t, s.ask(t, kustomization("resources: [c.yaml]\n", files{"app/c.yaml": content})), "E_YAML_ALIAS", "E_LIMIT")
	t.Logf("refused within %s", time.Since(began).Round(time.Millisecond))
	good := "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x, namespace: apps}\ndata:\n"
	for i := range 50 {
		good += fmt.Sprintf("  a%d: &a%d text\n  b%d: *a%d\n", i, i, i, i)
	}
	if out := s.rendered(t, s.ask(t, kustomization("resources: [c.yaml]\n", files{"app/c.yaml": good}))); !strings.Contains(out, `"b49":"text"`) {
		t.Errorf("ordinary anchors give %s", out)
	}
}

func TestK7FilesOutsideOfTheApplication(t *testing.T) {
	row(t)
	s := start(t, settings{})
	for _, field := range []string{
		"configMapGenerator: [{name: x, files: [../other/secret.txt]}]", "configMapGenerator: [{name: x, envs: [../other/secret.txt]}]",
		"resources: [../other/c.yaml]", "patches: [{path: ../other/c.yaml}]", "configMapGenerator: [{name: x, files: [/etc/hostname]}]",
	} {
		a := s.ask(t, kustomization(field+"\n", files{"other/secret.txt": s.forbidden, "other/c.yaml": configMap}))
		if a.code() != "E_PATH" && a.code() != "E_REMOTE_REF" {
			t.Errorf("%s gives %.200q", field, a.text())
		}
	}
	s.unharmed(t)
}

func TestK8NoPluginRuns(t *testing.T) {
	row(t)
	mark := t.TempDir() + "/mark"
	s := start(t, settings{env: []string{"KUSTOMIZE_PLUGIN_HOME=" + t.TempDir()}})
	script := "#!/bin/sh\ntouch " + mark + "\n"
	for what, content := range map[string]files{
		"a chart with its own plugins": kustomization("helmCharts: [{name: p, repo: 'probe://x'}]\nhelmGlobals: {configHome: hh}\n", files{
			"app/hh/plugins/p/plugin.yaml": "name: p\nversion: 1.0.0\ncommand: sh -c 'touch " + mark + "'\ndownloaders: [{command: run, protocols: [probe]}]\n"}),
		"a generator that runs helm": kustomization("generators: [g.yaml]\n", files{
			"app/g.yaml": "apiVersion: builtin\nkind: HelmChartInflationGenerator\nmetadata: {name: x}\nname: p\nrepo: 'probe://x'\n"}),
		"a function in a container": kustomization("resources: [c.yaml]\ntransformers: [f.yaml]\n", files{"app/c.yaml": configMap,
			"app/f.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: f\n  annotations: {config.kubernetes.io/function: '{container: {image: evil}}'}\n"}),
		"a function that is a program": kustomization("resources: [c.yaml]\ntransformers: [f.yaml]\n", files{"app/c.yaml": configMap, "app/run.sh": script,
			"app/f.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: f\n  annotations: {config.kubernetes.io/function: '{exec: {path: ./run.sh}}'}\n"}),
		"an exec plugin": kustomization("resources: [c.yaml]\ngenerators: [f.yaml]\n", files{"app/c.yaml": configMap,
			"app/f.yaml": "apiVersion: someteam.example.com/v1\nkind: Evil\nmetadata: {name: f}\n"}),
	} {
		if a := s.ask(t, content); a.err == nil || !stable.MatchString(a.text()) {
			t.Errorf("%s gives %.300q", what, a.text())
		}
	}
	s.unharmed(t)
	if _, err := os.Stat(mark); !os.IsNotExist(err) {
		t.Errorf("a program has run: %v", err)
	}
}

func TestK9PanicsOfKustomizeStayInTheWorker(t *testing.T) {
	row(t)
	s := start(t, settings{})
	for what, content := range map[string]files{
		"a schema without a kind": kustomization("resources: [c.yaml]\nopenapi: {path: s.json}\n", files{"app/c.yaml": configMap,
			"app/s.json": `{"definitions":{"a":{"x-kubernetes-group-version-kind":[{}]}}}`}),
		"annotations that are a list": kustomization("resources: [c.yaml]\nconfigMapGenerator: [{name: c, namespace: apps, behavior: merge, literals: [a=b]}]\n", files{
			"app/c.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c, namespace: apps, annotations: [a]}\n"}),
	} {
		a := s.ask(t, content)
		if a.err != nil && !stable.MatchString(a.text()) || strings.Contains(a.text(), "goroutine") || strings.Contains(a.text(), "interface {}") {
			t.Errorf("%s gives %.300q", what, a.text())
		}
	}
	s.unharmed(t)
}

func TestK10DoublingIsStopped(t *testing.T) {
	row(t)
	s := start(t, settings{})
	doubling := "resources: [c.yaml]\nreplacements:\n" + strings.Repeat(
		"- source: {kind: ConfigMap, name: c, fieldPath: data.a}\n  targets: [{select: {kind: ConfigMap, name: c}, fieldPaths: [data.a], options: {delimiter: '|', index: -1}}]\n", 40)
	diamonds := files{"app/c.yaml": configMap, "app/l0/kustomization.yaml": "resources: [c.yaml]\n", "app/l0/c.yaml": configMap}
	for i := range 20 {
		diamonds[fmt.Sprintf("app/l%d/kustomization.yaml", i+1)] = "resources: [a, b]\n"
		for _, side := range []string{"a", "b"} {
			diamonds[fmt.Sprintf("app/l%d/%s/kustomization.yaml", i+1, side)] = fmt.Sprintf("resources: [../../l%d]\nnamePrefix: %s-\n", i, side)
		}
	}
	for what, content := range map[string]files{
		"replacements": kustomization(doubling, files{"app/c.yaml": configMap}),
		"layers":       kustomization("resources: [l20]\n", diamonds),
	} {
		a := s.ask(t, content)
		t.Logf("%s: %s after %s", what, a.code(), a.took.Round(time.Millisecond))
		s.refused(t, a, "E_LIMIT", "E_RENDER_CRASH")
	}
}

// Kustomize repeats values in what it says of a mistake. Nothing secret is known
// while it runs, and a value in the repository is still not repeated whole.
func TestK11ErrorsOfKustomizeAreBounded(t *testing.T) {
	row(t)
	s := start(t, settings{render: "{quoteErrors: false}"})
	long := s.watch.Secret(strings.Repeat("pw", 20) + "x")
	a := s.ask(t, kustomization("resources: [c.yaml]\nsecretGenerator: [{name: s, literals: [\"pw="+long+"\"]}]\nreplacements:\n"+
		"- source: {kind: Secret, name: s, fieldPath: data.pw}\n  targets: [{select: {kind: ConfigMap}, fieldPaths: [data.a], options: {delimiter: '/', index: 99}}]\n"+
		"- source: {kind: ConfigMap, name: c, fieldPath: data.a, options: {delimiter: 'b', index: 99}}\n  targets: [{select: {kind: ConfigMap}, fieldPaths: [data.z]}]\n",
		files{"app/c.yaml": configMap}))
	s.refused(t, a, "E_KUSTOMIZE")
}

func TestK12LinksOutOfTheSource(t *testing.T) {
	row(t)
	s := start(t, settings{})
	for _, target := range []string{"/var/run/secrets/kubernetes.io/serviceaccount/token", "../../x", "/proc/self/environ"} {
		s.refused(t, s.ask(t, kustomization("configMapGenerator: [{name: x, files: [link]}]\n", files{"app/link": link + target})), "E_ARCHIVE_LINK")
	}
}

// An object that kustomize leaves out is neither judged nor emitted, and policies
// see what kustomize adds. Where an application asks for the origin of objects it
// gets it, as from kustomize itself: it names files of its own repository.
func TestK13ObjectsThatKustomizeHides(t *testing.T) {
	row(t)
	dir := t.TempDir()
	must(t, os.WriteFile(dir+"/p.rego", []byte("package main\n\ndeny contains \"hidden\" if input.metadata.name == \"hidden\"\n\nwarn contains \"origin\" if input.metadata.annotations[\"config.kubernetes.io/origin\"]\n"), 0o600))
	s := start(t, settings{policy: "{bundles: [{directory: " + dir + "}]}"})
	local := "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: hidden, namespace: apps, annotations: {config.kubernetes.io/local-config: 'true'}}\n"
	out := s.rendered(t, s.ask(t, kustomization("resources: [c.yaml, h.yaml]\nbuildMetadata: [originAnnotations]\n", files{"app/c.yaml": configMap, "app/h.yaml": local})))
	if strings.Contains(out, "hidden") || strings.Contains(out, "origin") != (len(s.log.lines("main/warn: origin")) > 0) {
		t.Errorf("emitted is %s, and the log says %s", out, s.log.lines("warn"))
	}
	s.refused(t, s.ask(t, files{"app/h.yaml": local}), "E_POLICY")
}
