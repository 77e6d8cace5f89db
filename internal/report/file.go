package report

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// CheckFile reports whether a summary could be written to name, and leaves nothing behind.
func CheckFile(name string) error {
	path, direct, err := place(name)
	if err != nil {
		return fmt.Errorf("write report: %w", err)
	}
	if direct {
		if _, err := os.Stat(path); err != nil {
			return fmt.Errorf("write report: %w", err)
		}
		return nil
	}
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		return fmt.Errorf("write report: %s is a folder", name)
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".botorate-*")
	if err != nil {
		return fmt.Errorf("write report: %w", plain(err))
	}
	return errors.Join(f.Close(), os.Remove(f.Name()))
}

// WriteFile writes the summary as JSON: whole or not at all, except to a device, a pipe or an open file (/dev/stdout), to which
// it is appended. Of a symbolic link the target is written.
func (s *Summary) WriteFile(name string) error {
	data, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return fmt.Errorf("write report: %w", err)
	}
	data = append(data, '\n')
	path, direct, err := place(name)
	if err == nil && direct {
		err = appendTo(path, data)
	} else if err == nil {
		err = replace(path, data)
	}
	if err != nil {
		return fmt.Errorf("write report: %w", err)
	}
	return nil
}

// appendTo writes to what is there. What the command has written to the same file stays.
func appendTo(path string, data []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0) //nolint:gosec // the user names the file
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	return errors.Join(err, f.Close())
}

func replace(path string, data []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), ".botorate-*")
	if err != nil {
		return plain(err)
	}
	_, err = f.Write(data)
	if err = errors.Join(err, f.Chmod(0o644), f.Close()); err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return nil
}

// plain names the folder instead of the temporary file in it.
func plain(err error) error {
	if pe, ok := errors.AsType[*fs.PathError](err); ok {
		return fmt.Errorf("%s: %w", filepath.Dir(pe.Path), pe.Err)
	}
	return err
}

// maxLinks is how many symbolic links are followed, as in Linux.
const maxLinks = 40

// place follows the symbolic links of name to where a report by that name goes, which need not be there yet. direct tells that
// it can only be written to, not replaced: neither file nor folder, or the name of a file that some process has open.
func place(name string) (path string, direct bool, err error) {
	for range maxLinks {
		folder, err := filepath.Abs(filepath.Dir(name))
		if err != nil {
			return "", false, err
		}
		if folder, err = filepath.EvalSymlinks(folder); err != nil {
			pe, ok := errors.AsType[*fs.PathError](err)
			if ok { // of a long path, EvalSymlinks names only the part that is missing
				err = fmt.Errorf("%s: %w", filepath.Dir(name), pe.Err)
			}
			return "", false, err
		}
		path = filepath.Join(folder, filepath.Base(name))
		if kernels(path) {
			return path, true, nil
		}
		info, err := os.Lstat(path)
		if err != nil || info.Mode().IsRegular() || info.IsDir() {
			return path, false, nil //nolint:nilerr // not there yet
		}
		if info.Mode()&fs.ModeSymlink == 0 {
			return path, true, nil
		}
		target, err := os.Readlink(path)
		if err != nil {
			return "", false, err
		}
		if !filepath.IsAbs(target) {
			target = filepath.Join(folder, target)
		}
		name = target
	}
	return "", false, fmt.Errorf("%s: too many symbolic links", name)
}

// kernels reports whether a path is the kernel's and not a file system's: links there (/dev/stdout, /proc/self/fd/1) stand for
// what is open, and must not be followed or replaced. /dev/shm has files.
func kernels(path string) bool {
	return filepath.Dir(path) == "/dev" || strings.HasPrefix(path, "/proc/")
}
