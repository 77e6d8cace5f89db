// Package botorate lets attempts out as fast as their token buckets allow, in turn.
package botorate
