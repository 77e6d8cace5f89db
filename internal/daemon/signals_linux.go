package daemon

import "syscall"

// dieWithUs lets the command be asked to end when we are killed, since what kills our group does not reach its own.
func dieWithUs(attr *syscall.SysProcAttr) { attr.Pdeathsig = syscall.SIGTERM }
