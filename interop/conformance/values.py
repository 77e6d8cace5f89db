"""Makes up parameters for an operation from its model: valid enough for botocore's rules, and nobody's."""

import datetime

ACCOUNT = "609629065308"

# What endpoint rules take apart needs a form of its own.
STRINGS = {
    ("kinesis", "StreamARN"): f"arn:aws:kinesis:us-east-1:{ACCOUNT}:stream/made-up",
    ("kinesis", "ResourceARN"): f"arn:aws:kinesis:us-east-1:{ACCOUNT}:stream/made-up",
    ("kinesis", "ConsumerARN"): f"arn:aws:kinesis:us-east-1:{ACCOUNT}:stream/made-up/consumer/made-up:1",
    ("kinesis", "QueueARN"): f"arn:aws:kinesis:us-east-1:{ACCOUNT}:queue/made-up",
    ("kinesis", "ChannelARN"): f"arn:aws:kinesis:us-east-1:{ACCOUNT}:channel/made-up",
    ("machinelearning", "PredictEndpoint"): "https://realtime.machinelearning.us-east-1.amazonaws.com",
    ("kinesis", "StreamId"): "abcdefghijklmnop-abcdef",
    ("cloudfront-keyvaluestore", "KvsARN"): f"arn:aws:cloudfront::{ACCOUNT}:key-value-store/abcdef01-2345-6789-abcd-ef0123456789",
    ("events", "EndpointId"): "abcde.veo",
    ("sesv2", "EndpointId"): "abcde.456",
    ("s3", "CopySource"): "made-up/source",
    ("s3control", "Bucket"): "made-up",
    ("s3control", "OutpostId"): "op-01234567890123456",
}
NAMES = {"AccountId": ACCOUNT, "Bucket": "made-up", "Key": "made/up key+é"}


def parameters(service, operation, optional):
    """Returns parameters for an operation: the required ones, and with optional all that do not nest too deep."""
    shape = operation.input_shape
    if shape is None:
        return {}
    params = _structure(service, shape, optional, 0)
    if service == "s3" and operation.name == "SelectObjectContent":
        params["InputSerialization"] = params["OutputSerialization"] = {"CSV": {}}
    return params


def _structure(service, shape, optional, depth):
    out, union = {}, getattr(shape, "is_tagged_union", False)
    for name, member in shape.members.items():
        if getattr(member, "is_eventstream", False) or member.metadata.get("eventstream"):
            continue
        required = name in shape.required_members or (union and not out)
        if not required and (not optional or depth > 1 or union):
            continue
        if not required and name in ("Expires", "ExpectedBucketOwner", "MRAP") or depth > 6:
            continue
        out[name] = _value(service, member, name, optional, depth + 1)
    return out


def _value(service, shape, name, optional, depth):
    kind = shape.type_name
    if kind == "structure":
        if shape.is_document_type:
            return {"made": "up"}
        return _structure(service, shape, optional and depth < 2, depth)
    if kind == "list":
        count = max(1, shape.metadata.get("min", 1))
        return [_value(service, shape.member, name, optional, depth + 1) for _ in range(min(count, 3))]
    if kind == "map":
        return {_value(service, shape.key, name, optional, depth + 1): _value(service, shape.value, name, optional, depth + 1)}
    if kind == "string":
        return _string(service, shape, name)
    if kind == "boolean":
        return True
    if kind in ("integer", "long"):
        return max(1, int(shape.metadata.get("min", 1)))
    if kind in ("float", "double"):
        return 1.5
    if kind == "timestamp":
        return datetime.datetime(2026, 11, 23, 17, 10, tzinfo=datetime.timezone.utc)
    if kind == "blob":
        return b"made up"
    raise ValueError(f"a shape of type {kind}")


def _string(service, shape, name):
    special = STRINGS.get((service, name)) or NAMES.get(name)
    if special:
        return special
    if shape.enum:
        return shape.enum[0]
    if name.lower().endswith("arn"):
        return f"arn:aws:{service}:us-east-1:{ACCOUNT}:thing/made-up"
    length = max(int(shape.metadata.get("min", 0)), 8)
    return ("madeup" + "0" * length)[:length]
