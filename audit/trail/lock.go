package trail

import (
	"errors"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
)

// lockName is the file that the writing process holds a lock on. It stays when
// the process ends: removing it would let two processes lock two files of one
// name.
const lockName = "trail.lock"

// lock makes this the only writer of a directory until the file is closed. The
// kernel frees the lock when the process ends, however it ends.
func lock(dir string) (*os.File, error) {
	file, err := os.OpenFile(filepath.Join(dir, lockName), os.O_RDWR|os.O_CREATE|unix.O_NOFOLLOW, 0o600)
	if err != nil {
		return nil, cannot("lock the directory of the audit trail", err)
	}
	err = unix.Flock(int(file.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	if err == nil {
		return file, nil
	}
	_ = file.Close()
	if errors.Is(err, unix.EWOULDBLOCK) {
		return nil, fault.New(fault.Audit, "another process writes the audit trail in %s", fault.Clean(dir, 200)).
			WithFix("give each replica a directory of its own")
	}
	return nil, cannot("lock the directory of the audit trail", err)
}

// cannot turns an error of the system into a fault.
func cannot(what string, err error) *fault.Error {
	reason := err.Error()
	var errno unix.Errno
	if errors.As(err, &errno) {
		reason = errno.Error()
	}
	switch errno {
	case unix.ENOSPC, unix.EDQUOT, unix.EFBIG:
		return fault.New(fault.AuditFull, "cannot %s: %s", what, reason).WithFix("make room on the disk")
	default:
		return fault.New(fault.Audit, "cannot %s: %s", what, reason)
	}
}
