package sandbox

import (
	"slices"
	"strings"
	"testing"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
)

func TestMissingRequiredLayersAreOneFaultEach(t *testing.T) {
	layers := []Layer{{Name: Seccomp, Active: true}, {Name: Landlock, Detail: "the kernel has none"}}
	tests := []struct {
		name    string
		require []string
		want    string
	}{
		{"nothing required", nil, ""},
		{"required and active", []string{Seccomp}, ""},
		{"required and unavailable", []string{Seccomp, Landlock},
			"E_SANDBOX: the required sandbox layer landlock is unavailable: the kernel has none"},
		{"unknown", []string{"gvisor"}, `E_SANDBOX: no sandbox layer is called "gvisor"`},
		{"several", []string{"gvisor", Landlock}, "landlock is unavailable"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			err := check(layers, test.require)
			if test.want == "" {
				if err != nil {
					t.Fatal(err)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), test.want) || fault.CodeOf(err) != fault.Sandbox {
				t.Errorf("got %v, want %s", err, test.want)
			}
		})
	}
}

func TestLayersPrintTheirState(t *testing.T) {
	for want, layer := range map[string]Layer{
		"seccomp active":                     {Name: Seccomp, Active: true},
		"memory active (512 MiB)":            {Name: Memory, Active: true, Detail: "512 MiB"},
		"landlock unavailable (not enabled)": {Name: Landlock, Detail: "not enabled"},
	} {
		if got := layer.String(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestNamesAreUnique(t *testing.T) {
	names := Names()
	slices.Sort(names)
	if compact := slices.Compact(slices.Clone(names)); len(compact) != len(names) {
		t.Errorf("a name stands twice in %v", names)
	}
}
