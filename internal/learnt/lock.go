package learnt

import (
	"context"
	"fmt"
	"os"
	"time"
)

// retry is how often a lock that another process has is asked for.
const retry = 5 * time.Millisecond

// lock locks a file, which is made if need be and stays: a name that comes and goes can't be locked safely. The
// system releases the lock when its process ends, however that happens.
func lock(ctx context.Context, name string) (unlock func(), err error) {
	f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE, 0o600) //nolint:gosec // beside the file that the user names
	if err != nil {
		return nil, err
	}
	for {
		locked, err := tryLock(f)
		if locked {
			return func() { _ = f.Close() }, nil // which releases it
		}
		if err == nil {
			select {
			case <-time.After(retry):
				continue
			case <-ctx.Done():
				err = fmt.Errorf("another process has it: %w", context.Cause(ctx))
			}
		}
		_ = f.Close()
		return nil, fmt.Errorf("lock %s: %w", name, err)
	}
}
