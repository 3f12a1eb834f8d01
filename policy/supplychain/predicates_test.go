package supplychain_test

import (
	"fmt"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
)

// The predicate types of the tests.
const (
	provenanceType = "https://slsa.dev/provenance/v1"
	reportType     = "https://cosign.sigstore.dev/attestation/vuln/v1"
	vexType        = "https://openvex.dev/ns/v0.2.0"
	spdxType       = "https://spdx.dev/Document"
)

const (
	builder = "https://github.com/example/builders/.github/workflows/image.yaml@refs/heads/main"
	source  = "https://github.com/example/guestbook"
)

type fields = map[string]any

// provenance is what a workflow of a repository says of what it built.
func provenance(by, from, ref string) fields {
	return fields{
		"buildDefinition": fields{
			"buildType":          "https://actions.github.io/buildtypes/workflow/v1",
			"externalParameters": fields{"workflow": fields{"repository": from, "ref": ref, "path": ".github/workflows/image.yaml"}},
			"resolvedDependencies": []any{fields{
				"uri": "git+" + from + "@" + ref, "digest": fields{"gitCommit": "0123456789abcdef0123456789abcdef01234567"},
			}},
		},
		"runDetails": fields{"builder": fields{"id": by}},
	}
}

// report is what Trivy says that it found, in the form of cosign attest --type vuln.
func report(at time.Time, severities ...string) fields {
	found := []any{}
	for i, severity := range severities {
		found = append(found, fields{
			"VulnerabilityID": fmt.Sprintf("EXAMPLE-2026-%d", 1001+i), "PkgName": "libssl3", "InstalledVersion": "3.5.1-1",
			"FixedVersion": "3.5.4-1", "Severity": severity, "PkgIdentifier": fields{"PURL": "pkg:deb/debian/libssl3@3.5.1-1"},
		})
	}
	stamp := at.UTC().Format(time.RFC3339)
	return fields{
		"scanner": fields{
			"uri": "pkg:github/aquasecurity/trivy@0.74.0", "version": "0.74.0",
			"result": fields{
				"SchemaVersion": 2, "CreatedAt": stamp, "ArtifactName": "guestbook", "ArtifactType": "container_image", "Trivy": fields{"Version": "0.74.0"},
				"Results": []any{fields{"Target": "guestbook", "Class": "os-pkgs", "Type": "debian", "Vulnerabilities": found}},
			},
		},
		"metadata": fields{"scanStartedOn": stamp, "scanFinishedOn": stamp},
	}
}

// vex says that a vulnerability does not affect an image.
func vex(image name.Digest, id string) fields {
	return fields{
		"@context": "https://openvex.dev/ns/v0.2.0", "@id": "https://vex.example.com/1", "author": "security@example.com",
		"timestamp": time.Now().Add(-time.Hour).UTC().Format(time.RFC3339), "version": 1,
		"statements": []any{fields{
			"vulnerability": fields{"name": id}, "status": "not_affected", "justification": "vulnerable_code_not_in_execute_path",
			"products": []any{fields{"@id": "pkg:oci/guestbook@" + image.DigestStr()}},
		}},
	}
}

func sbom() fields {
	return fields{
		"spdxVersion": "SPDX-2.3", "SPDXID": "SPDXRef-DOCUMENT", "name": "guestbook", "dataLicense": "CC0-1.0",
		"documentNamespace": "https://sbom.example.com/1", "creationInfo": fields{"created": "2026-11-27T08:05:00Z", "creators": []any{"Tool: syft"}},
		"packages": []any{fields{"SPDXID": "SPDXRef-1", "name": "libssl3", "versionInfo": "3.5.1-1", "downloadLocation": "NOASSERTION"}},
	}
}
