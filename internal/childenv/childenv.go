// Package childenv makes the environment in which an unmodified AWS tool comes to our proxy and trusts it: it merges with what
// the user has set and never just sets.
package childenv
