"""A snapshot scan as scanners write it: list, then ask each snapshot's attribute from a pool of threads.

Prints one JSON line: how many were answered, how many lost, how many throttles botocore met, and the seconds it took.
"""

import json
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError


def main():
    threads = int(sys.argv[1])
    mode = sys.argv[2]
    client = boto3.client(
        "ec2", config=Config(retries={"mode": mode}, max_pool_connections=threads)
    )
    throttles = []

    def met(response, **_):
        if response and response[1].get("Error", {}).get("Code") == "RequestLimitExceeded":
            throttles.append(1)

    client.meta.events.register("needs-retry.ec2", met)

    pages = client.get_paginator("describe_snapshots").paginate(OwnerIds=["self"], PaginationConfig={"PageSize": 200})
    ids = [s["SnapshotId"] for page in pages for s in page["Snapshots"]]

    def ask(snapshot):
        try:
            client.describe_snapshot_attribute(SnapshotId=snapshot, Attribute="createVolumePermission")
            return True
        except ClientError as e:
            print(e, file=sys.stderr)
            return False

    began = time.monotonic()
    with ThreadPoolExecutor(threads) as pool:
        answers = list(pool.map(ask, ids))
    print(json.dumps({
        "listed": len(ids),
        "answered": sum(answers),
        "lost": len(ids) - sum(answers),
        "throttles": len(throttles),
        "seconds": round(time.monotonic() - began, 2),
    }))


main()
