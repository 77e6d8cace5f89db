// Package clients holds tests of package awssdk with clients of more services than botorate's module needs: their parameters,
// the transfer manager of S3, credentials from STS, the metadata service.
package clients
