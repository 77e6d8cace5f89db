"""Makes a user with all rights in a moto server that still lets unsigned calls pass, and prints its key as ID:SECRET."""

import json
import sys

import boto3

iam = boto3.client(
    "iam", endpoint_url=sys.argv[1], region_name="us-east-1", aws_access_key_id="x", aws_secret_access_key="y"
)
iam.create_user(UserName="interop")
document = {"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}
policy = iam.create_policy(PolicyName="all", PolicyDocument=json.dumps(document))["Policy"]["Arn"]
iam.attach_user_policy(UserName="interop", PolicyArn=policy)
key = iam.create_access_key(UserName="interop")["AccessKey"]
print(key["AccessKeyId"] + ":" + key["SecretAccessKey"])
