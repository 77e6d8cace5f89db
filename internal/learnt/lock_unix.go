//go:build unix

package learnt

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// tryLock reports whether f is locked now. It is not, and there is no error, when another process has it locked.
func tryLock(f *os.File) (bool, error) {
	err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	if errors.Is(err, unix.EWOULDBLOCK) || errors.Is(err, unix.EINTR) {
		return false, nil
	}
	return err == nil, err
}
