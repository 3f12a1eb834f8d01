package runbooks

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	"github.com/hashicorp/vault/api"
)

// vaultProgram stands in for the vault program, of which there is no module that
// could be built here: for the subcommands and flags that the runbooks use it
// sends what the program sends, to the real Vault. All others are an error.
func vaultProgram(ctx context.Context, args []string) (code int, err error) {
	config := api.DefaultConfig()
	if config.Error != nil {
		return 1, config.Error
	}
	client, err := api.NewClient(config)
	if err != nil {
		return 1, err
	}
	line := strings.Join(args, " ")
	switch {
	case line == "status":
		status, err := client.Sys().SealStatusWithContext(ctx)
		if err != nil {
			return 1, err
		}
		fmt.Println("Sealed", status.Sealed)
		if status.Sealed {
			return 2, nil
		}
		return 0, nil
	case len(args) == 3 && strings.HasPrefix(line, "policy read "):
		policy, err := client.Sys().GetPolicyWithContext(ctx, args[2])
		if err == nil && policy == "" {
			err = fmt.Errorf("no policy named: %s", args[2])
		}
		fmt.Println(policy)
		return 0, err
	case len(args) == 4 && strings.HasPrefix(line, "policy write "):
		policy, err := input(args[3])
		if err != nil {
			return 1, err
		}
		return 0, client.Sys().PutPolicyWithContext(ctx, args[2], policy)
	case len(args) == 2 && args[0] == "read":
		found, err := client.Logical().ReadWithContext(ctx, args[1])
		if err != nil {
			return 1, err
		}
		return 0, json.NewEncoder(os.Stdout).Encode(found.Data)
	case len(args) == 4 && strings.HasPrefix(line, "token revoke -mode=path "):
		return 0, client.Sys().RevokePrefixWithContext(ctx, args[3])
	case len(args) == 5 && strings.HasPrefix(line, "kv patch -mount="):
		return 0, patch(ctx, client, args)
	case len(args) == 5 && strings.HasPrefix(line, "kv destroy -mount="):
		version, err := strconv.Atoi(strings.TrimPrefix(args[3], "-versions="))
		if err != nil {
			return 1, err
		}
		return 0, client.KVv2(mount(args)).Destroy(ctx, args[4], []int{version})
	default:
		return 1, fmt.Errorf("there is no stand-in for vault %s", line)
	}
}

func mount(args []string) string { return strings.TrimPrefix(args[2], "-mount=") }

// patch sets one key of a secret from a file.
func patch(ctx context.Context, client *api.Client, args []string) error {
	key, file, found := strings.Cut(args[4], "=@")
	if !found {
		return fmt.Errorf("the value of %s is not from a file", key)
	}
	value, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	_, err = client.KVv2(mount(args)).Patch(ctx, args[3], map[string]any{key: string(value)})
	return err
}

// input reads a file, or standard input for "-".
func input(name string) (string, error) {
	read := func() ([]byte, error) { return os.ReadFile(name) }
	if name == "-" {
		read = func() ([]byte, error) { return io.ReadAll(os.Stdin) }
	}
	content, err := read()
	return string(content), err
}
