package daemon

import (
	"fmt"
	"net/url"
	"path/filepath"
	"slices"
	"strings"

	"github.com/botorate/botorate/internal/report"
)

// whyNoRequest says why no request of the command may have come through, likeliest first (clients.md §1 and §3, 2026-11-23).
func whyNoRequest(args, environ []string, s *report.Summary) []string {
	if len(s.Distrusted) > 0 || len(s.Bypassed) > 0 {
		return nil // the summary, or a warning, has said it
	}
	if len(s.Intercepted) > 0 {
		return []string{fmt.Sprintf("it connected to %s but sent no request: perhaps it does not trust botorate's "+
			"certificate; then let its own CA option name the file in $AWS_CA_BUNDLE", s.Intercepted[0].Name)}
	}
	var out []string
	out = append(out, endpointReasons(environ)...)
	if reason := programReason(args); reason != "" {
		out = append(out, reason)
	}
	return append(out, "if it should have called AWS: a proxy, NO_PROXY or CA in its own code or config beats the HTTPS_PROXY that botorate sets")
}

// endpointReasons tells of variables that send the AWS tools elsewhere.
func endpointReasons(environ []string) []string {
	var out []string
	for _, entry := range environ {
		name, value, _ := strings.Cut(entry, "=")
		if !strings.HasPrefix(name, "AWS_ENDPOINT_URL") || value == "" {
			continue
		}
		where := "there, which is not AWS: botorate paces only AWS's own hosts"
		if u, err := url.Parse(value); err == nil && u.Scheme == "http" {
			where = "there over plain HTTP, which does not go through HTTPS_PROXY"
		}
		out = append(out, fmt.Sprintf("%s is set: requests go %s", name, where))
	}
	slices.Sort(out)
	return out
}

// programReason tells what is known of programs by that name.
func programReason(args []string) string {
	program, _, _ := strings.Cut(filepath.Base(args[0]), " ")
	name := strings.ToLower(strings.TrimSuffix(program, ".exe"))
	ext := filepath.Ext(name)
	switch name {
	case "sudo", "doas", "su":
		return name + " starts a program without this environment: put botorate behind it (" + name + " botorate run -- …)"
	case "docker", "podman", "nerdctl", "ssh", "kubectl":
		return "what " + name + " starts does not see this environment and this machine's loopback: run botorate inside"
	case "systemctl", "systemd-run", "at", "batch", "crontab":
		return name + " starts a program elsewhere, without this environment: put botorate into what it starts"
	case "node", "npm", "npx", "yarn", "pnpm", "cdk", "sls", "serverless", "amplify", "ts-node", "tsx":
		return "Node's AWS SDKs know no proxy; botorate's preload (NODE_OPTIONS) does not reach bundled binaries and agents of the program's own, and not HTTP/2"
	case "java", "mvn", "mvnw", "gradle", "gradlew", "sbt", "kotlin", "scala":
		return "options on the JVM's command line, and proxies set in code, beat JAVA_TOOL_OPTIONS; a Gradle daemon that runs already keeps its old environment"
	case "dotnet", "pwsh", "powershell":
		return "older AWS SDKs for .NET ignore HTTPS_PROXY (aws-sdk-net pull request 2991): update, or use Set-AWSProxy"
	case "php", "composer":
		return "PHP reads no variable for the CA: set curl.cainfo or openssl.cafile to $AWS_CA_BUNDLE (php -d curl.cainfo=…)"
	case "cargo", "rustc":
		return "older AWS SDKs for Rust ignore HTTPS_PROXY (aws-sdk-rust issue 169)"
	case "rclone":
		return "rclone before 1.68 fails when AWS_CA_BUNDLE is set: botorate run -- env -u AWS_CA_BUNDLE rclone …"
	}
	switch ext {
	case ".js", ".mjs", ".cjs", ".ts":
		return programReason([]string{"node"})
	case ".jar":
		return programReason([]string{"java"})
	case ".php", ".phar":
		return programReason([]string{"php"})
	}
	return ""
}
