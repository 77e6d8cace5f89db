"""Calls on boto3: `sdk.py CALLS THREADS BUCKET`. Prints one JSON line; see interop/sdks.go."""

import hashlib
import io
import json
import os
import sys
from concurrent.futures import ThreadPoolExecutor

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError


def main():
    calls, threads, bucket = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
    ec2 = boto3.client("ec2", config=Config(max_pool_connections=threads))
    pages = ec2.get_paginator("describe_snapshots").paginate(OwnerIds=["self"], PaginationConfig={"PageSize": 10})
    ids = [s["SnapshotId"] for page in pages for s in page["Snapshots"]][:calls]
    errors = []

    def ask(snapshot):
        try:
            ec2.describe_snapshot_attribute(SnapshotId=snapshot, Attribute="createVolumePermission")
            return True
        except (BotoCoreError, ClientError) as e:
            errors.append(str(e))
            return False

    with ThreadPoolExecutor(threads) as pool:
        answers = list(pool.map(ask, ids))
    copied = bucket == "-" or copy(bucket)
    print(json.dumps({
        "version": boto3.__version__, "answered": sum(answers), "lost": calls - sum(answers), "copied": copied, "errors": errors[:3],
    }))


def copy(bucket):
    """Uploads 12 MB in parts and 3 MB at once, and compares what comes back."""
    s3 = boto3.client("s3")
    s3.create_bucket(Bucket=bucket)
    whole = True
    for key, size in (("parts/12 MB", 12 << 20), ("one+3MB", 3 << 20)):
        body = os.urandom(size)
        s3.upload_fileobj(io.BytesIO(body), bucket, key)
        back = io.BytesIO()
        s3.download_fileobj(bucket, key, back)
        whole = whole and hashlib.sha256(body).digest() == hashlib.sha256(back.getvalue()).digest()
    listed = [o["Key"] for o in s3.list_objects_v2(Bucket=bucket)["Contents"]]
    return whole and listed == ["one+3MB", "parts/12 MB"]


main()
