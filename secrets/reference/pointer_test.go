package reference_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
	"github.com/argocd-seal/argocd-seal-plugin/secrets/reference"
)

const (
	completeARN  = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:team-a/db-AbC123"
	awsVersion   = "uuid/123e4567-e89b-12d3-a456-426614174000"
	azureVersion = "0123456789abcdef0123456789ABCDEF"
)

func TestPointers(t *testing.T) {
	for _, test := range []struct {
		text string
		want reference.Reference
		name string
	}{
		{"<aws-sm:team-a/db#password>", reference.Reference{Store: reference.AWS, Path: "team-a/db", Key: "password"}, "team-a/db"},
		{"<aws-sm:team-a/db>", reference.Reference{Store: reference.AWS, Path: "team-a/db"}, "team-a/db"},
		{"<aws-sm:/team_a+b=c.d@e-f/db#friends.1.first>", reference.Reference{Store: reference.AWS, Path: "/team_a+b=c.d@e-f/db", Key: "friends.1.first"}, "/team_a+b=c.d@e-f/db"},
		{"<aws-sm:team-a/db#password#AWSPREVIOUS>", reference.Reference{Store: reference.AWS, Path: "team-a/db", Key: "password", Label: "AWSPREVIOUS"}, "team-a/db"},
		{"<aws-sm:team-a/db##" + awsVersion + ">", reference.Reference{Store: reference.AWS, Path: "team-a/db", Label: awsVersion}, "team-a/db"},
		{"<aws-sm:" + completeARN + "#user>", reference.Reference{Store: reference.AWS, Path: completeARN, Key: "user"}, completeARN},
		{"<aws-sm:arn:aws-us-gov:secretsmanager:us-gov-west-1:123456789012:secret:x-abcdef>", reference.Reference{Store: reference.AWS, Path: "arn:aws-us-gov:secretsmanager:us-gov-west-1:123456789012:secret:x-abcdef"}, "arn:aws-us-gov:secretsmanager:us-gov-west-1:123456789012:secret:x-abcdef"},
		{"<gcp-sm:team-a_db>", reference.Reference{Store: reference.GCP, Path: "team-a_db"}, "team-a_db"},
		{"<gcp-sm:projects/shop-prod/secrets/db#user#7>", reference.Reference{Store: reference.GCP, Path: "projects/shop-prod/secrets/db", Key: "user", Label: "7"}, "db"},
		{"<gcp-sm:projects/123456789012/secrets/db##latest>", reference.Reference{Store: reference.GCP, Path: "projects/123456789012/secrets/db", Label: "latest"}, "db"},
		{"<azure-kv:team-a-db>", reference.Reference{Store: reference.Azure, Path: "team-a-db"}, "team-a-db"},
		{"<azure-kv:team-a-db#user#" + azureVersion + ">", reference.Reference{Store: reference.Azure, Path: "team-a-db", Key: "user", Label: azureVersion}, "team-a-db"},
	} {
		t.Run(test.text, func(t *testing.T) {
			got, err := reference.Parse(test.text)
			if err != nil {
				t.Fatal(err)
			}
			test.want.Text, test.want.Dialect = test.text, reference.Pointer
			if diff := cmp.Diff(&test.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if got.Name() != test.name || got.Imports() || got.InAPIForm() || got.LogicalPaths() != nil {
				t.Errorf("the name is %q, imports %t, API form %t, paths %q", got.Name(), got.Imports(), got.InAPIForm(), got.LogicalPaths())
			}
		})
	}
}

// TestPointersByTheRulesOfTheirStores tries what each provider's documentation
// rules out, and that a message shows how it is written.
func TestPointersByTheRulesOfTheirStores(t *testing.T) {
	for _, text := range []string{
		"<aws-sm:>", "<aws-sm:#k>", "<aws-sm:a b>", "<aws-sm:a:b>", "<aws-sm:a*>", "<aws-sm:é>", "<aws-sm:" + strings.Repeat("a", 513) + ">",
		"<aws-sm:arn:aws:secretsmanager:eu-west-1:123456789012:secret:team-a/db>", "<aws-sm:arn:aws:secretsmanager:eu-west-1:123:secret:db-AbC123>",
		"<aws-sm:arn:aws:ssm:eu-west-1:123456789012:parameter/db-AbC123>", "<aws-sm:arn:evil:secretsmanager:eu-west-1:123456789012:secret:db-AbC123>",
		"<aws-sm:a#k#123e4567-e89b-12d3-a456-426614174000>", "<aws-sm:a#k#>", "<aws-sm:a##>", "<aws-sm:a#>", "<aws-sm:a#k#v#w>", "<aws-sm:a#k#uuid/x>",
		"<aws-sm:a#k k>", "<aws-sm:a#k@3>", "<aws-sm:a#" + strings.Repeat("k", 254) + ">", "<aws-sm:a#k#" + strings.Repeat("v", 257) + ">",
		"<gcp-sm:team-a/db>", "<gcp-sm:a.b>", "<gcp-sm:projects/shop/secrets/db>", "<gcp-sm:projects/Shop-Prod/secrets/db>", "<gcp-sm:projects/shop-prod-/secrets/db>",
		"<gcp-sm:projects/shop-prod/locations/eu/secrets/db>", "<gcp-sm:projects/shop-prod/secrets/db/versions/1>", "<gcp-sm:" + strings.Repeat("a", 256) + ">",
		"<gcp-sm:a#k#0>", "<gcp-sm:a#k#01>", "<gcp-sm:a#k#1x>", "<gcp-sm:a#k#" + strings.Repeat("v", 64) + ">",
		"<azure-kv:a/b>", "<azure-kv:secret/a>", "<azure-kv:a_b>", "<azure-kv:a.b>", "<azure-kv:" + strings.Repeat("a", 128) + ">",
		"<azure-kv:a#k#1>", "<azure-kv:a#k#latest>", "<azure-kv:a", "<aws-sm:" + strings.Repeat("a/", reference.MaxText) + ">",
	} {
		_, err := reference.Parse(text)
		if fault.CodeOf(err) != fault.RefSyntax || fault.Of(err)[0].Fix == "" {
			t.Errorf("Parse(%.80q) = %v, want E_REF_SYNTAX with a way out", text, err)
		}
		if expected := fault.Of(err); len(expected) == 1 && strings.HasSuffix(text, ">") && len(text) < reference.MaxText && !strings.Contains(expected[0].Expected, text[:4]) {
			t.Errorf("Parse(%.80q) shows the form %q", text, expected[0].Expected)
		}
	}
}

// No value is read, so there is nothing that a modifier could change.
func TestPointersTakeNoModifier(t *testing.T) {
	for _, text := range []string{
		"<aws-sm:a#k | base64encode>", "<gcp-sm:a|sha256sum>", "<azure-kv:a#k | jsonPath {.a[?(@.x>1)].y}>", "<aws-sm:a#k | nope>", "<aws-sm:a |>",
	} {
		template, _, err := reference.Find("x"+text+"y", reference.Annotations{})
		if fault.CodeOf(err) != fault.Modifier || len(fault.Of(err)) != 1 || !strings.Contains(err.Error(), "no value") || template != nil {
			t.Errorf("Find(%q) = %v, %v, want one E_MODIFIER", text, template, err)
		}
	}
}

func TestFindPointers(t *testing.T) {
	for text, want := range map[string]string{
		"<aws-sm:a#k>": "[<aws-sm:a#k>]",
		"postgres://<aws-sm:a/db#user>:<vault:kv/a#p>@<azure-kv:host>/x": "postgres://[<aws-sm:a/db#user>]:[<vault:kv/a#p>]@[<azure-kv:host>]/x",
		"<aws-sm:" + completeARN + "#k>@h":                               "[<aws-sm:" + completeARN + "#k>]@h",
		"<gcp-sm:a><gcp-sm:b>":                                           "[<gcp-sm:a>][<gcp-sm:b>]",
		// XML, and words that are only near.
		"<aws:x> <a:b/> <soap:Envelope> <gcp:y> <azure:z> <sm:q> <aws-sm> <aws-sm/x>": "",
	} {
		template, looked, err := reference.Find(text, reference.Annotations{})
		var shown strings.Builder
		for _, part := range template {
			shown.WriteString(part.Literal)
			if part.Ref != nil {
				shown.WriteString("[" + part.Ref.Text + "]")
			}
		}
		if err != nil || len(looked) > 0 || shown.String() != want {
			t.Errorf("Find(%q) = %q, %q, %v, want %q", text, shown.String(), looked, err, want)
		}
	}
}

// A slip in the word would leave the reference in the Secret as its text.
func TestMisspeltStores(t *testing.T) {
	for text, meant := range map[string]string{
		"<AWS-SM:a#k>": "<aws-sm:", "< aws-sm :a#k>": "<aws-sm:", "<aws_sm:a#k>": "<aws-sm:", "<awssm:a#k>": "<aws-sm:", "<aws-ssm:a#k>": "<aws-sm:", "<asw-sm:a>": "<aws-sm:",
		"<aws-secretsmanager:a#k>": "<aws-sm:", "<gcp_sm:a>": "<gcp-sm:", "<gcp-ms:a>": "<gcp-sm:", "<gcp-secret-manager:a>": "<gcp-sm:",
		"<azurekv:a>": "<azure-kv:", "<azure-key-vault:a>": "<azure-kv:", "<azure-vk:a>": "<azure-kv:", "<azur-kv:a>": "<azure-kv:", "<Azure-KV:a>": "<azure-kv:",
	} {
		_, _, err := reference.Find("x "+text+" y", reference.Annotations{})
		if fault.CodeOf(err) != fault.RefSyntax || !strings.Contains(err.Error(), "begin it with "+meant) || !strings.HasPrefix(fault.Of(err)[0].Expected, meant+"NAME>") {
			t.Errorf("Find(%q) says %v, want %s", text, err, meant)
		}
	}
	for _, text := range []string{"<аws-sm:a#k>", "<gсp-sm:a>", "<azure‑kv:a>", "<aws-sm：a>"} {
		template, looked, err := reference.Find(text, reference.Annotations{})
		if template != nil || err != nil || len(looked) != 1 {
			t.Errorf("Find(%q) = %v, %q, %v; want a text and one remark", text, template, looked, err)
		}
	}
	_, _, err := reference.Find("postgres://<aws-sm:db#user:hunter2@db.example/x", reference.Annotations{})
	if err == nil || strings.Contains(err.Error(), "hunter2") || !strings.Contains(err.Error(), `"<aws-sm:db" has no closing >`) {
		t.Errorf("a reference that does not end: %v", err)
	}
}
