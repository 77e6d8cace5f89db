"""Makes the same call twice: the second one is held for longer than botocore's read timeout. Prints one JSON line."""

import json
import time

import boto3

client = boto3.client("ec2")
attempts = []
client.meta.events.register("before-send.ec2", lambda **_: attempts.append(1))
client.describe_snapshots(MaxResults=5)
first = len(attempts)
began = time.monotonic()
client.describe_snapshots(MaxResults=5)
print(json.dumps({"held": round(time.monotonic() - began, 1), "attempts": len(attempts) - first}))
