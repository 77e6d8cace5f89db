"""Which requests are made of a service: every operation in every protocol, and its kinds of hosts and signatures."""

import itertools

from botocore import UNSIGNED
from botocore.exceptions import BotoCoreError

import values
from values import ACCOUNT

# A Region of each partition but aws.
PARTITIONS = {
    "cn-north-1": "aws-cn",
    "us-gov-west-1": "aws-us-gov",
    "us-iso-east-1": "aws-iso",
    "us-isob-east-1": "aws-iso-b",
    "eu-isoe-west-1": "aws-iso-e",
    "us-isof-south-1": "aws-iso-f",
    "eusc-de-east-1": "aws-eusc",
}

# What clients spoke before the model said otherwise.
FORMER_PROTOCOLS = {"sqs": ["query"]}

# Hosts that a service names in an answer.
DISCOVERED = {
    "cloudsearchdomain": "search-made-up-abcdefghijklmnopqrstuvwxyz.us-east-1.cloudsearch.amazonaws.com",
    "iot-data": "abcdefghijklmn-ats.iot.us-east-1.amazonaws.com",
    "iot-jobs-data": "abcdefghijklmn.jobs.iot.us-east-1.amazonaws.com",
    "kinesis-video-archived-media": "b-12345678.kinesisvideo.us-east-1.amazonaws.com",
    "kinesis-video-media": "s-12345678.kinesisvideo.us-east-1.amazonaws.com",
    "mediaconvert": "abcd1234.mediaconvert.us-east-1.amazonaws.com",
    "mediastore-data": "abcdefghijklmn.data.mediastore.us-east-1.amazonaws.com",
    "timestream-query": "query-cell2.timestream.us-east-1.amazonaws.com",
    "timestream-write": "ingest-cell1.timestream.us-east-1.amazonaws.com",
}

ARNS = {
    "access point": f"arn:aws:s3:us-east-1:{ACCOUNT}:accesspoint/made-up",
    "access point's alias": "made-up-abcdefghijklmnopqrstuvwxyz0123-s3alias",
    "object lambda": f"arn:aws:s3-object-lambda:us-east-1:{ACCOUNT}:accesspoint/made-up",
    "outposts": f"arn:aws:s3-outposts:us-east-1:{ACCOUNT}:outpost/op-01234567890123456/accesspoint/made-up",
    "express": "made-up--use1-az4--x-s3",
    "dotted": "my.dotted.bucket",
}
MULTI_REGION = f"arn:aws:s3::{ACCOUNT}:accesspoint/abcdefghijklm.mrap"
REGION_LIKE = "made-up-bucket-1"
KEYS = ["/leading", "a//b", "a/./b/../c", "%2F", "a+b c", "é/ü", "q?x=y&z", "#", "uploads", "a/", "~'()*!", "v20180820/bucket", "WriteGetObjectResponse"]
OUTPOSTS_BUCKET = f"arn:aws:s3-outposts:us-east-1:{ACCOUNT}:outpost/op-01234567890123456/bucket/made-up"


def every_request(source, service):
    model = source.loader.load_service_model(service, "service-2")
    listed = model["metadata"].get("protocols") or [model["metadata"]["protocol"]]
    for protocol in listed + FORMER_PROTOCOLS.get(service, []):
        client = source.client(service, protocol=protocol)
        operations = client.meta.service_model.operation_names
        calls(source, client, f"{protocol}, required", operations)
        compressing = source.client(service, protocol=protocol, request_min_compression_size_bytes=1)
        calls(source, compressing, f"{protocol}, all parameters", operations, optional=True)
        if protocol in ("query", "ec2", "rest-json", "rest-xml"):
            signature = {"signature_version": "s3v4"} if service == "s3" else {}
            calls(source, source.client(service, **signature), "presigned", operations, presigned=True, may_fail=True)
    hosts(source, service, sample(operations))
    if service == "s3":
        s3(source, operations)
    if service == "s3control":
        s3_control(source, operations)


def calls(source, client, variant, operations, optional=False, presigned=False, may_fail=False, **special):
    """Makes the request of each operation; what is special replaces parameters, and operations without them are left out."""
    service = client.meta.service_model.service_name
    for name in operations:
        operation = client.meta.service_model.operation_model(name)
        params = values.parameters(service, operation, optional)
        if not all(k in params for k in special) or presigned and sends_body(operation):
            continue
        try:
            source.call(client, name, variant, {**params, **special}, presigned)
        except Exception as error:  # whichever it is, it is told
            source.failed(client, name, variant, may_fail and isinstance(error, BotoCoreError), error)


def sends_body(operation):
    """Reports whether what is required goes into a body other than a form, which botocore does not move into a URL."""
    shape = operation.input_shape
    if shape is None or operation.service_model.resolved_protocol in ("query", "ec2"):
        return False
    return any("location" not in shape.members[name].serialization for name in shape.required_members)


def sample(operations):
    """Returns up to five operations, spread evenly."""
    return operations[:: max(1, len(operations) // 5)][:5]


def hosts(source, service, operations):
    for dual, fips in itertools.product((False, True), repeat=2):
        if dual or fips:
            variant = "dual-stack, FIPS" if dual and fips else "dual-stack" if dual else "FIPS"
            client = source.client(service, use_dualstack_endpoint=dual, use_fips_endpoint=fips)
            calls(source, client, variant, operations, may_fail=True)
    for region, partition in PARTITIONS.items():
        calls(source, source.client(service, region), partition, operations, may_fail=True)
    prefix = source.client(service).meta.service_model.endpoint_prefix
    endpoint = f"https://vpce-0123456789abcdef0-abcdefgh.{prefix}.us-east-1.vpce.amazonaws.com"
    calls(source, source.client(service, endpoint=endpoint), "VPC endpoint", operations)
    calls(source, source.client(service, signature_version=UNSIGNED), "unsigned", operations, may_fail=True)
    calls(source, source.client(service, signature_version="v4a"), "SigV4a", operations, may_fail=True)
    if service == "dynamodb":
        calls(source, source.client(service, account=ACCOUNT, account_id_endpoint_mode="required"), "account's host", operations)
    if service in ("bedrock", "bedrock-runtime"):
        calls(source, source.client(service, signature_version="bearer"), "bearer", operations)
    if service in DISCOVERED:
        client = source.client(service, endpoint="https://" + DISCOVERED[service])
        calls(source, client, "discovered host", client.meta.service_model.operation_names)


def s3(source, operations):
    for style in ("path", "virtual"):
        calls(source, source.client("s3", s3={"addressing_style": style}), f"S3 {style} style", operations)
    for variant, bucket in ARNS.items():
        calls(source, source.client("s3"), f"S3 {variant}", operations, may_fail=True, Bucket=bucket)
    for regions in ("*", "us-west-2,eu-west-1"):
        client = source.client("s3", sigv4a_signing_region_set=regions)
        calls(source, client, f"S3 multi-Region, {regions}", operations, may_fail=True, Bucket=MULTI_REGION)
    calls(source, source.client("s3"), "S3 multi-Region, presigned", operations, presigned=True, may_fail=True, Bucket=MULTI_REGION)
    calls(source, source.client("s3", s3={"use_accelerate_endpoint": True}), "S3 accelerated", operations, may_fail=True)
    calls(source, source.client("s3", s3={"us_east_1_regional_endpoint": "legacy"}), "S3 global", operations)
    calls(source, source.client("s3", s3={"us_east_1_regional_endpoint": "legacy"}), "S3 bucket like a Region", operations, Bucket=REGION_LIKE)
    calls(source, source.client("s3", signature_version=UNSIGNED), "S3 unsigned", operations)
    old = [name for name in operations if name != "ListDirectoryBuckets"]  # younger than SigV2
    calls(source, source.client("s3", signature_version="s3"), "S3 SigV2", old)
    calls(source, source.client("s3", signature_version="s3-query"), "S3 SigV2", old, presigned=True)
    calls(source, source.client("s3", use_dualstack_endpoint=True), "S3 dual-stack", operations, may_fail=True)
    calls(source, source.client("s3", use_fips_endpoint=True), "S3 FIPS", operations)
    for endpoint in ("bucket.vpce-0123456789abcdef0-abcdefgh.s3", "accesspoint.vpce-0123456789abcdef0-abcdefgh.s3"):
        client = source.client("s3", endpoint=f"https://{endpoint}.us-east-1.vpce.amazonaws.com")
        calls(source, client, "S3 VPC endpoint", operations)
    for key, style in itertools.product(KEYS, ("path", "virtual")):
        client = source.client("s3", s3={"addressing_style": style})
        calls(source, client, "S3 keys", operations, Key=key)


def s3_control(source, operations):
    client = source.client("s3control")
    calls(source, client, "S3 Control on Outposts", operations, may_fail=True, Bucket=OUTPOSTS_BUCKET)
    calls(source, client, "S3 Control on Outposts", operations, may_fail=True, Name=ARNS["outposts"])
    endpoint = "https://control.vpce-0123456789abcdef0-abcdefgh.s3.us-east-1.vpce.amazonaws.com"
    calls(source, source.client("s3control", endpoint=endpoint), "S3 Control VPC endpoint", operations)
