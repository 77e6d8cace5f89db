"""Prints, one JSON object a line, the answers that botocore's error models make possible and whose names or traits have to do
with a rate or a limit, each in the forms of its protocols. Every answer is first read by botocore's own parser.
"""

import base64
import gzip
import json
import re
import sys

from botocore.parsers import create_parser
from botocore.session import Session

from record import IAM

LOOKS = re.compile(r"throttl|toomany|slowdown|ratelimit|rateexceeded|limitexceeded|throughputexceeded|quotaexceeded|priorrequest", re.I)
STATUS = {"query": 400, "ec2": 503, "json": 400, "smithy-rpc-v2-cbor": 400, "rest-json": 400, "rest-xml": 400}

# What services answer besides what their models say: facts of botocore's own _retry.json and of the services' documentation.
UNMODELLED = [
    ("ec2", "RequestLimitExceeded", 503),
    ("ec2", "Client.RequestLimitExceeded", 503),
    ("ec2", "EC2ThrottledException", 503),
    ("iam", "Throttling", 400),
    ("autoscaling", "Throttling", 400),
    ("cloudformation", "Throttling", 400),
    ("organizations", "TooManyRequestsException", 400),
    ("kinesis", "LimitExceededException", 400),
    ("sqs", "RequestThrottled", 403),
    ("sqs", "ThrottlingException", 403),
    ("cloudsearch", "BandwidthLimitExceeded", 509),
    ("route53", "Throttling", 400),
    ("route53", "PriorRequestNotComplete", 400),
    ("s3", "SlowDown", 503),
    ("s3control", "SlowDown", 503),
    ("dynamodb", "TransactionInProgressException", 400),
    ("dynamodb", "ThrottlingException", 400),
]


def shapes(model):
    """Returns the error shapes that may be about a rate, with the code that the wire has, the status, and whether the model says throttle."""
    for name, shape in model["shapes"].items():
        error = shape.get("error", {})
        trait = shape.get("retryable", {}).get("throttling", False)
        codes = {name, error.get("code", name)}
        if shape.get("exception") and (trait or error.get("httpStatusCode") == 429 or any(LOOKS.search(c) for c in codes)):
            yield name, error.get("code", name), error.get("httpStatusCode"), trait


def forms(protocol, service, name, code, query_compatible):
    """Yields header fields and body of an error in every form that a protocol has, with the code that it carries."""
    message = "Rate exceeded: <&> é"
    if protocol in ("query", "rest-xml", "ec2"):
        inner = f"<Code>{code}</Code><Message>Rate exceeded: &lt;&amp;&gt;</Message>"
        if protocol == "ec2":
            body = f"<Response><Errors><Error>{inner}</Error></Errors><RequestID>x</RequestID></Response>"
        elif service == "s3":
            body = f"<Error>{inner}<RequestId>x</RequestId></Error>"
        else:
            body = f'<ErrorResponse xmlns="https://x/doc/"><Error><Type>Sender</Type>{inner}</Error><RequestId>x</RequestId></ErrorResponse>'
        yield {"Content-Type": "text/xml"}, ('<?xml version="1.0" encoding="UTF-8"?>\n' + body).encode()
        return
    extra = {"x-amzn-query-error": f"{code};Sender"} if query_compatible else {}
    typed = [f"com.amazonaws.made.up#{name}", name]
    if protocol == "smithy-rpc-v2-cbor":
        for t in typed:
            yield {**extra, "smithy-protocol": "rpc-v2-cbor"}, cbor_map({"__type": t, "message": message}, False)
            yield {**extra, "smithy-protocol": "rpc-v2-cbor"}, cbor_map({"message": message, "__type": t}, True)
        return
    typed.append(f"{name}:http://internal.amazon.com/coral/com.amazon.made.up/")
    if protocol == "json":
        for t in typed:
            yield {**extra, "Content-Type": "application/x-amz-json-1.1"}, json.dumps({"__type": t, "message": message}).encode()
        return
    for t in typed:
        yield {"x-amzn-ErrorType": t}, json.dumps({"message": message}).encode()
        yield {"x-amzn-errortype": t}, b""
        yield {}, json.dumps({"code": t, "Message": message}).encode()
        yield {}, json.dumps({"message": message, "detail": {"code": "ValidationException"}, "__type": t}).encode()


def cbor_map(values, open_ended):
    out = b"\xbf" if open_ended else bytes([0xA0 + len(values)])
    for pair in values.items():
        for text in pair:
            data = text.encode()
            out += (bytes([0x60 + len(data)]) if len(data) < 24 else bytes([0x78, len(data)])) + data
    return out + (b"\xff" if open_ended else b"")


def answers(service, model, name, code, status, trait):
    metadata = model["metadata"]
    compatible = "awsQueryCompatible" in metadata
    for protocol in dict.fromkeys([*metadata.get("protocols", []), metadata["protocol"], *(["query"] if compatible else [])]):
        compatible_form = compatible and protocol != "query"
        for fields, body in forms(protocol, service, name, code, compatible_form):
            http = status or STATUS[protocol]
            parsed = create_parser(protocol).parse({"status_code": http, "headers": {k.lower(): v for k, v in fields.items()}, "body": body}, None)
            seen = parsed["Error"]["Code"]
            if http >= 500 and not body:
                seen = name  # botocore makes nothing of it but the status
            if seen not in (name, code):
                raise RuntimeError(f"{service} {protocol}: botocore reads {seen!r} in {fields} {body!r}, which was to be {code}")
            if compatible_form and seen != code:
                raise RuntimeError(f"{service}: botocore reads {seen!r}, not what x-amzn-query-error says")
            for packed in (False, True):
                head = {**fields, "x-amz-retry-after": "1500"}
                content = body
                if packed and body:
                    head["Content-Encoding"], content = "gzip", gzip.compress(body)
                yield {"protocol": protocol, "code": seen, "status": http, "trait": trait, "head": response_head(http, head), "body": content}


def response_head(status, fields):
    return f"HTTP/1.1 {status} Made Up\r\n" + "".join(f"{k}: {v}\r\n" for k, v in fields.items()) + "\r\n"


def main():
    session = Session()
    loader = session.get_component("data_loader")
    for service in session.get_available_services():
        model = loader.load_service_model(service, "service-2")
        listed = list(shapes(model)) + [(c, c, status, False) for s, c, status in UNMODELLED if s == service]
        prefix = model["metadata"]["endpointPrefix"]
        iam = IAM.get(service) or model["metadata"].get("signingName", prefix)
        for name, code, status, trait in listed:
            for answer in answers(service, model, name, code, status, trait):
                answer["head"], answer["body"] = (base64.b64encode(b).decode() for b in (answer["head"].encode(), answer["body"]))
                print(json.dumps({"service": service, "iam": iam, "api": prefix, **answer}))


if __name__ == "__main__":
    main()
