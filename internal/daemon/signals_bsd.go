//go:build unix && !linux

package daemon

import "syscall"

// dieWithUs does nothing: only Linux tells a process of its parent's end.
func dieWithUs(*syscall.SysProcAttr) {}
