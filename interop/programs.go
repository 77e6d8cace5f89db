package main

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

func pythonSDKs(w *world) []sdk {
	return []sdk{
		{client: "boto3", args: []string{w.python("main"), w.script("python", "sdk.py")}, action: askAttribute},
		{client: "boto3", args: []string{w.python("boto3-1.26"), w.script("python", "sdk.py")}, action: askAttribute},
		{client: "aiobotocore", args: []string{w.python("aiobotocore"), w.script("python", "aio.py")}, action: askAttribute},
	}
}

func nodeSDKs(w *world) []sdk {
	modules := w.in("js", "node_modules")
	var all []sdk
	for _, major := range []string{"20", "24"} {
		for _, v := range []struct{ client, program string }{{"aws-sdk-js v2", "sdk2.cjs"}, {"aws-sdk-js v3", "sdk3.mjs"}} {
			all = append(all, sdk{
				client: v.client, args: []string{w.node(major), w.script("js", v.program)}, action: askAttribute,
				// Node trusts its own roots, and these: as anyone has it who runs it behind an intercepting firewall. v2 warns of its age.
				env: []string{"INTEROP_MODULES=" + modules, "NODE_EXTRA_CA_CERTS=" + w.bundle(), "AWS_SDK_JS_SUPPRESS_MAINTENANCE_MODE_MESSAGE=1"},
			})
		}
	}
	return all
}

func javaSDKs(w *world) []sdk {
	store := filepath.Join(w.dir, "trust.p12")
	// The JVM trusts what its store holds, and ours joins the user's.
	options := "JAVA_TOOL_OPTIONS=-Djavax.net.ssl.trustStore=" + store + " -Djavax.net.ssl.trustStorePassword=changeit"
	var all []sdk
	for _, v := range []struct{ client, name string }{{"aws-sdk-java v2, Apache", "apache"}, {"aws-sdk-java v2, Netty", "netty"}} {
		all = append(all, sdk{
			client: v.client, action: askAttribute, env: []string{options},
			args:  []string{"java", "-cp", w.in("java", "classes") + ":" + w.in("java", "lib", "*"), "Sdk", v.name},
			ready: func(ctx context.Context) error { return w.javaStore(ctx, store) },
		})
	}
	return all
}

// javaStore makes a trust store of the stand-in's certificate.
func (w *world) javaStore(ctx context.Context, store string) error {
	if err := os.Remove(store); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return w.command(ctx, nil, "keytool", "-importcert", "-noprompt", "-storetype", "PKCS12", "-storepass", "changeit",
		"-alias", "aws", "-file", w.authority(), "-keystore", store).Run()
}

func otherSDKs(w *world) []sdk {
	return []sdk{
		{client: "aws-sdk-go-v2", args: []string{w.in("go", "sdk")}, action: askAttribute},
		{client: "aws-sdk-rust", args: []string{w.in("rust", "sdk")}, action: askIdentity},
		{ // in its older mode, this version's default, it does not read AWS_MAX_ATTEMPTS
			client: "aws-sdk-ruby v3", args: []string{"ruby", w.script("ruby", "sdk.rb")}, action: askIdentity,
			env: []string{"AWS_RETRY_MODE=standard"},
		},
	}
}
