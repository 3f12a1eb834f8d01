package main

import (
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// cloudClients are the packages with which the secrets of other stores can be read.
var cloudClients = regexp.MustCompile(`/service/secretsmanager$|^cloud\.google\.com/go/secretmanager/|google\.golang\.org/api/secretmanager/|/keyvault/|/azsecrets$|/azkeys$`)

// TestNoCloudClientIsLinked: the program points at other stores than Vault, and
// nothing in it could read one, whatever credentials its host has.
func TestNoCloudClientIsLinked(t *testing.T) {
	for path, want := range map[string]bool{
		"github.com/aws/aws-sdk-go-v2/service/secretsmanager": true, "github.com/aws/aws-sdk-go/service/secretsmanager": true,
		"cloud.google.com/go/secretmanager/apiv1": true, "github.com/Azure/azure-sdk-for-go/sdk/security/keyvault/azsecrets": true,
		"github.com/Azure/azure-sdk-for-go/services/keyvault/v7.1/keyvault": true, "github.com/hashicorp/vault/api": false,
	} {
		if cloudClients.MatchString(path) != want {
			t.Errorf("%s counts as a client: %t", path, !want)
		}
	}
	out, err := exec.CommandContext(t.Context(), "go", "list", "-deps", ".").Output()
	if err != nil {
		t.Fatal(err)
	}
	linked := strings.Fields(string(out))
	if !slices.Contains(linked, "github.com/hashicorp/vault/api") {
		t.Fatalf("the list of %d packages has not even Vault's client", len(linked))
	}
	for _, path := range linked {
		if cloudClients.MatchString(path) {
			t.Errorf("%s is linked", path)
		}
	}
}
