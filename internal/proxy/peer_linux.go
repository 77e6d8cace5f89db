package proxy

import (
	"bufio"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// sameUser reports whether the process at the other end of the connection is on this machine and belongs to our user.
func sameUser(c net.Conn) bool {
	theirs, ok1 := addrPort(c.RemoteAddr())
	ours, ok2 := addrPort(c.LocalAddr())
	if !ok1 || !ok2 {
		return false
	}
	uid, err := diagUID(theirs, ours)
	if err != nil { // no such facility here, as in some containers
		uid, err = procUID(theirs, ours)
	}
	return err == nil && uid == os.Getuid()
}

// inetDiagSize is the size of struct inet_diag_msg, in which the owner's uid stands at inetDiagUID (linux/inet_diag.h).
const (
	inetDiagSize = 72
	inetDiagUID  = 64
)

// diagUID asks the kernel for the owner of the one socket between two addresses. It takes the same time however many there are.
func diagUID(local, remote netip.AddrPort) (uid int, err error) {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_SOCK_DIAG)
	if err != nil {
		return 0, err
	}
	defer func() { _ = unix.Close(fd) }()
	timeout := unix.Timeval{Sec: 1}
	if err := unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &timeout); err != nil {
		return 0, err
	}
	if err := unix.Sendto(fd, diagRequest(local, remote), 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		return 0, err
	}
	answer := make([]byte, 4096)
	n, _, err := unix.Recvfrom(fd, answer, 0)
	if err != nil {
		return 0, err
	}
	if n < unix.NLMSG_HDRLEN+inetDiagSize || binary.NativeEndian.Uint16(answer[4:]) != unix.SOCK_DIAG_BY_FAMILY {
		return 0, errors.New("no such socket")
	}
	return int(binary.NativeEndian.Uint32(answer[unix.NLMSG_HDRLEN+inetDiagUID:])), nil
}

// diagRequest is a struct nlmsghdr and a struct inet_diag_req_v2 for exactly one socket.
func diagRequest(local, remote netip.AddrPort) []byte {
	const size = unix.NLMSG_HDRLEN + 56
	b := make([]byte, 0, size)
	b = binary.NativeEndian.AppendUint32(b, size)
	b = binary.NativeEndian.AppendUint16(b, unix.SOCK_DIAG_BY_FAMILY)
	b = binary.NativeEndian.AppendUint16(b, unix.NLM_F_REQUEST)
	b = append(b, make([]byte, 8)...) // sequence and port id
	family := byte(unix.AF_INET6)
	if local.Addr().Is4() {
		family = unix.AF_INET
	}
	b = append(b, family, unix.IPPROTO_TCP, 0, 0)
	b = binary.NativeEndian.AppendUint32(b, 0xffffffff) // in any state
	b = binary.BigEndian.AppendUint16(b, local.Port())
	b = binary.BigEndian.AppendUint16(b, remote.Port())
	for _, a := range []netip.Addr{local.Addr(), remote.Addr()} {
		b = append(b, a.AsSlice()...)
		b = append(b, make([]byte, 16-len(a.AsSlice()))...)
	}
	b = binary.NativeEndian.AppendUint32(b, 0)          // any interface
	return binary.NativeEndian.AppendUint64(b, 1<<64-1) // no cookie
}

// procUID looks the socket up in the kernel's tables. One that speaks IPv4 can also be of IPv6's family, as Java's are.
func procUID(local, remote netip.AddrPort) (uid int, err error) {
	if local.Addr().Is4() {
		if uid, err = tableUID("/proc/net/tcp", local, remote); err == nil {
			return uid, nil
		}
	}
	return tableUID("/proc/net/tcp6", mapped(local), mapped(remote))
}

func mapped(a netip.AddrPort) netip.AddrPort {
	return netip.AddrPortFrom(netip.AddrFrom16(a.Addr().As16()), a.Port())
}

func tableUID(name string, local, remote netip.AddrPort) (uid int, err error) {
	f, err := os.Open(name) //nolint:gosec // one of two constants
	if err != nil {
		return 0, err
	}
	defer func() { _ = f.Close() }()
	return findUID(f, local, remote)
}

// findUID reads a table in the format of proc_pid_net(5).
func findUID(table io.Reader, local, remote netip.AddrPort) (uid int, err error) {
	from, to := procAddr(local), procAddr(remote)
	for lines := bufio.NewScanner(table); lines.Scan(); {
		f := strings.Fields(lines.Text())
		if len(f) > 7 && f[1] == from && f[2] == to {
			return strconv.Atoi(f[7])
		}
	}
	return 0, errors.New("no such socket")
}

// procAddr spells an address as the table does: 32-bit words in the machine's byte order.
func procAddr(a netip.AddrPort) string {
	b := slices.Clone(a.Addr().AsSlice())
	for i := 0; i < len(b); i += 4 {
		binary.BigEndian.PutUint32(b[i:], binary.NativeEndian.Uint32(b[i:]))
	}
	port := binary.BigEndian.AppendUint16(nil, a.Port())
	return strings.ToUpper(hex.EncodeToString(b) + ":" + hex.EncodeToString(port))
}
