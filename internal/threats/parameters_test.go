package threats

import (
	"encoding/json"
	"fmt"
	"testing"
)

// parameter is the environment of an application with one parameter.
func parameter(t testing.TB, name string, values ...string) string {
	t.Helper()
	text, err := json.Marshal([]any{map[string]any{"name": name, "array": values}})
	must(t, err)
	return "ARGOCD_APP_PARAMETERS=" + string(text)
}

func TestH11ValuesFilesStayInTheSource(t *testing.T) {
	row(t)
	s := start(t, settings{})
	address, hits := listener(t)
	for _, name := range []string{"../../x.yaml", "/etc/passwd", "http://" + address + "/v.yaml", "https://h/v.yaml", "secrets://x", "$vals/x", "git+https://h/v", "../../x.yaml", "missing.yaml"} {
		content := chart(files{"templates/a.yaml": fmt.Sprintf(configMapTemplate, "1")})
		content["x.yaml"] = "a: b\n"
		a := s.ask(t, content, parameter(t, "helm-values-files", name))
		if a.code() != "E_PATH" {
			t.Errorf("%q gives %.200q", name, a.text())
		}
	}
	s.unharmed(t)
	if hits.Load() > 0 {
		t.Errorf("%d connections were made", hits.Load())
	}
	content := chart(files{"values-prod.yaml": "v: from-the-file\n", "templates/a.yaml": fmt.Sprintf(configMapTemplate, ".Values.v")})
	s.rendered(t, s.ask(t, content, parameter(t, "helm-values-files", "values-prod.yaml")))
}
