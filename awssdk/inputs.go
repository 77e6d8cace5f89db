package awssdk

import (
	"context"
	"reflect"
	"strings"
	"sync"

	"github.com/aws/smithy-go/middleware"

	"github.com/botorate/botorate/quota"
)

const serializerID = "OperationSerializer"

// An inputStep stands in for the serializer of a call whose parameters a quota may depend on, and keeps them.
type inputStep step

// ID is the serializer's own, so that it is found where it was.
func (*inputStep) ID() string { return serializerID }

// HandleSerialize implements [middleware.SerializeMiddleware].
func (s *inputStep) HandleSerialize(ctx context.Context, in middleware.SerializeInput, next middleware.SerializeHandler) (
	middleware.SerializeOutput, middleware.Metadata, error,
) {
	s.input = in.Parameters
	return s.serializer.HandleSerialize(ctx, in, next)
}

// wantsInput reports whether a quota may depend on the parameters of an operation of that name, whose service is not known yet.
func wantsInput(operation string) bool {
	switch operation {
	case "DescribeInstances", "DescribeInstanceStatus", "DescribeNetworkInterfaces", "DescribeSecurityGroups", "DescribeSnapshots",
		"DescribeSpotInstanceRequests", "DescribeVolumes",
		"RunInstances", "StartInstances", "StopInstances", "TerminateInstances",
		"ChangeResourceRecordSets",
		"Decrypt", "DeriveSharedSecret", "Encrypt", "ReEncrypt", "Sign", "Verify",
		"DescribeStreamConsumer", "ListShards", "ListStreamConsumers",
		"CreateSession", "ListParts":
		return true
	}
	return strings.Contains(operation, "Object") || strings.Contains(operation, "Upload") // S3
}

// A reader takes from an operation's parameters what a quota depends on.
type reader func(input reflect.Value, c *quota.Call)

// inputs are the readers of the operations seen so far, by the type of their parameters. The zero value is ready for use.
type inputs struct{ readers sync.Map }

func (r *inputs) read(c *quota.Call, input any) {
	v := reflect.ValueOf(input)
	if v.Kind() != reflect.Pointer || v.IsNil() || v.Elem().Kind() != reflect.Struct {
		return
	}
	t := v.Type()
	known, ok := r.readers.Load(t)
	if !ok {
		known, _ = r.readers.LoadOrStore(t, readerOf(c.Service, c.Operation, t.Elem()))
	}
	known.(reader)(v.Elem(), c)
}

// readerOf returns the reader for an operation's parameters.
func readerOf(service, operation string, t reflect.Type) reader {
	switch service {
	case "ec2":
		return ec2Reader(operation, t)
	case "kms":
		return resourceReader(t, keySpec, "EncryptionAlgorithm", "SourceEncryptionAlgorithm", "SigningAlgorithm", "KeyAgreementAlgorithm")
	case "kinesis":
		return resourceReader(t, streamName, "StreamName", "StreamARN", "ConsumerARN")
	case "s3":
		return bucketReader(t)
	case "route53":
		return changeReader(t)
	}
	return func(reflect.Value, *quota.Call) {}
}

// ec2Reader reads what EC2's buckets depend on: pagination and filters, or the number of instances. A token of a next page, or
// identifiers, do not count: AWS does not say.
// Source: https://docs.aws.amazon.com/ec2/latest/devguide/ec2-api-throttling.html (read 2026-11-23).
func ec2Reader(operation string, t reflect.Type) reader {
	switch operation {
	case "RunInstances":
		most, least := at(t, "MaxCount"), at(t, "MinCount")
		return func(v reflect.Value, c *quota.Call) {
			if c.Resources = number(v, most); c.Resources <= 0 {
				c.Resources = max(1, number(v, least))
			}
		}
	case "StartInstances", "StopInstances", "TerminateInstances":
		ids := at(t, "InstanceIds")
		return func(v reflect.Value, c *quota.Call) { c.Resources = float64(max(1, length(v, ids))) }
	}
	filters, size := at(t, "Filters"), at(t, "MaxResults")
	return func(v reflect.Value, c *quota.Call) {
		c.Unfiltered = length(v, filters) == 0 && (size < 0 || v.Field(size).IsZero())
	}
}

// resourceReader reads the first of the named texts that is there.
func resourceReader(t reflect.Type, name func(string) string, fields ...string) reader {
	var indices []int
	for _, f := range fields {
		if i := at(t, f); i >= 0 {
			indices = append(indices, i)
		}
	}
	return func(v reflect.Value, c *quota.Call) {
		for _, i := range indices {
			f := v.Field(i)
			if f.Kind() == reflect.Pointer {
				f = f.Elem()
			}
			if f.Kind() == reflect.String && f.Len() > 0 {
				c.Resource = name(f.String())
				return
			}
		}
	}
}

// bucketReader reads the bucket. One of S3 Express has a service of its own, which its name tells.
// Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/directory-bucket-naming-rules.html (read 2026-11-23).
func bucketReader(t reflect.Type) reader {
	read := resourceReader(t, func(s string) string { return s }, "Bucket")
	return func(v reflect.Value, c *quota.Call) {
		if read(v, c); strings.HasSuffix(c.Resource, "--x-s3") {
			c.Service = "s3express"
		}
	}
}

// keySpec returns what an algorithm tells of the key's spec: enough of it to know the kind of key.
// Source: https://docs.aws.amazon.com/kms/latest/developerguide/requests-per-second.html (read 2026-11-23).
func keySpec(algorithm string) string {
	switch {
	case strings.HasPrefix(algorithm, "RSA"): // RSAES_OAEP_SHA_256, RSASSA_PSS_SHA_256
		return "RSA_*"
	case strings.HasPrefix(algorithm, "ECD"), strings.HasPrefix(algorithm, "ED25519"): // ECDSA_SHA_256, ECDH
		return "ECC_*"
	case strings.HasPrefix(algorithm, "ML_DSA"):
		return "ML_DSA_*"
	}
	return ""
}

// streamName returns the stream in its own name, in its ARN or in a consumer's, which is arn:…:stream/NAME/consumer/….
func streamName(s string) string {
	if _, after, ok := strings.Cut(s, ":stream/"); ok {
		s, _, _ = strings.Cut(after, "/")
	}
	return s
}

// changeReader counts what Route 53 counts in a change batch: an UPSERT as two, others as one.
// Source: https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/throttling-api-requests.html (read 2026-11-23).
func changeReader(t reflect.Type) reader {
	batch := at(t, "ChangeBatch")
	return func(v reflect.Value, c *quota.Call) {
		if batch < 0 || v.Field(batch).Kind() != reflect.Pointer || v.Field(batch).IsNil() {
			return
		}
		changes := v.Field(batch).Elem().FieldByName("Changes")
		if changes.Kind() != reflect.Slice {
			return
		}
		for i := range changes.Len() {
			c.Resources++
			if action := changes.Index(i).FieldByName("Action"); action.Kind() == reflect.String && action.String() == "UPSERT" {
				c.Resources++
			}
		}
	}
}

// at returns a struct's field, or -1.
func at(t reflect.Type, name string) int {
	f, ok := t.FieldByName(name)
	if !ok || len(f.Index) != 1 {
		return -1
	}
	return f.Index[0]
}

// length returns the length of a slice; 0 without one.
func length(v reflect.Value, field int) int {
	if field < 0 || v.Field(field).Kind() != reflect.Slice {
		return 0
	}
	return v.Field(field).Len()
}

// number returns the integer that a field points to; 0 without one.
func number(v reflect.Value, field int) float64 {
	if field < 0 {
		return 0
	}
	f := v.Field(field)
	if f.Kind() == reflect.Pointer {
		f = f.Elem()
	}
	if !f.IsValid() || !f.CanInt() {
		return 0
	}
	return float64(f.Int())
}
