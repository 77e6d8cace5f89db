// Package config is the strict configuration file and the values that its keys and the flags share.
package config
