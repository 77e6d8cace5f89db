"""Calls to services whose signatures moto can verify. Prints one JSON line.

Not Lambda or Route 53: moto 5.2.5 refuses the signature of their GETs also when it is asked directly.
"""

import json
import sys

import boto3
from botocore.exceptions import ClientError

BUCKET = "interop.with.dots-and-more"
KEYS = ["plain", "a b+c", "dir//double", "per%cent", "ümläut/✓", "q'(u)o!t*e~s", "a/./b/../c", "=&?#;:@,$"]


def main():
    invalid, calls = [], 0

    def call(name, f):
        nonlocal calls
        calls += 1
        try:
            return f()
        except ClientError as e:
            invalid.append(f"{name}: {e}")

    s3 = boto3.client("s3")
    call("CreateBucket", lambda: s3.create_bucket(Bucket=BUCKET))
    for key in KEYS:
        body = (key * 999).encode()
        call("PutObject " + key, lambda: s3.put_object(Bucket=BUCKET, Key=key, Body=body))
        got = call("GetObject " + key, lambda: s3.get_object(Bucket=BUCKET, Key=key)["Body"].read())
        if got is not None and got != body:
            invalid.append(f"GetObject {key}: other bytes came back")
    call("ListObjectsV2", lambda: s3.list_objects_v2(Bucket=BUCKET, Prefix="a b+", Delimiter="/"))
    call("ListUsers", lambda: boto3.client("iam").list_users())
    call("GetCallerIdentity", lambda: boto3.client("sts").get_caller_identity())
    call("CreateKey", lambda: boto3.client("kms").create_key(Description="interop"))
    call("ListTables", lambda: boto3.client("dynamodb").list_tables())
    call("ListQueues", lambda: boto3.client("sqs").list_queues())
    call("ListMetrics", lambda: boto3.client("cloudwatch").list_metrics())
    call("DescribeSecurityGroups", lambda: boto3.client("ec2").describe_security_groups())
    print(json.dumps({"calls": calls, "failed": invalid}))
    return 1 if invalid else 0


sys.exit(main())
