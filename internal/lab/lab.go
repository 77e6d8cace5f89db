// Package lab is a simulated AWS: buckets as AWS has them, and a TLS endpoint that plays one account.
package lab
