package sandbox

import (
	"errors"
	"fmt"

	"github.com/landlock-lsm/go-landlock/landlock"
	llsys "github.com/landlock-lsm/go-landlock/landlock/syscall"
)

// Landlock's ABI versions that add to what is refused.
const (
	abiTCP    = 4
	abiScopes = 6
)

// applyLandlock denies every path and, where the kernel knows how, TCP and
// signals to other processes. The version is asked for first because the
// library's best effort is silent on a kernel that has no Landlock at all.
func applyLandlock() Layer {
	abi, err := llsys.LandlockGetABIVersion()
	if err != nil || abi < 1 {
		return layer(Landlock, "", errors.Join(errors.New("the kernel has no Landlock or it is not enabled at boot"), err))
	}
	detail := fmt.Sprintf("abi %d: files", abi)
	if abi >= abiTCP {
		detail += ", tcp"
	}
	if abi >= abiScopes {
		detail += ", signals"
	}
	return layer(Landlock, detail, landlock.V11.BestEffort().Restrict())
}
