"""Calls on aiobotocore: `aio.py CALLS TASKS BUCKET`. Prints one JSON line; see interop/sdks.go."""

import asyncio
import hashlib
import json
import os
import sys

import aiobotocore
from aiobotocore.session import get_session
from botocore.exceptions import BotoCoreError, ClientError


async def main():
    calls, tasks, bucket = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
    session = get_session()
    errors = []
    turns = asyncio.Semaphore(tasks)
    async with session.create_client("ec2") as ec2:
        ids = []
        pages = ec2.get_paginator("describe_snapshots").paginate(OwnerIds=["self"], PaginationConfig={"PageSize": 10})
        async for page in pages:
            ids += [s["SnapshotId"] for s in page["Snapshots"]]

        async def ask(snapshot):
            async with turns:
                try:
                    await ec2.describe_snapshot_attribute(SnapshotId=snapshot, Attribute="createVolumePermission")
                    return True
                except (BotoCoreError, ClientError) as e:
                    errors.append(str(e))
                    return False

        answers = await asyncio.gather(*(ask(s) for s in ids[:calls]))
    copied = bucket == "-" or await copy(session, bucket)
    print(json.dumps({
        "version": aiobotocore.__version__, "answered": sum(answers), "lost": calls - sum(answers), "copied": copied, "errors": errors[:3],
    }))


async def copy(session, bucket):
    """Uploads 3 MB and compares what comes back."""
    async with session.create_client("s3") as s3:
        await s3.create_bucket(Bucket=bucket)
        body = os.urandom(3 << 20)
        await s3.put_object(Bucket=bucket, Key="one+3MB", Body=body)
        answer = await s3.get_object(Bucket=bucket, Key="one+3MB")
        async with answer["Body"] as stream:
            back = await stream.read()
        return hashlib.sha256(body).digest() == hashlib.sha256(back).digest()


asyncio.run(main())
