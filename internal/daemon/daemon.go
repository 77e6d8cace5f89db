// Package daemon builds the parts from the configuration, runs them and stops them.
package daemon
