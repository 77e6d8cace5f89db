"""Prints, one JSON object a line, the requests that botocore makes for every operation of every service.

    python record.py PART OF     # the PART-th of OF equal parts of the services, counted from 0

botocore serialises, finds the endpoint and signs; its hook before-send takes the finished request, and nothing is sent.
"""

import base64
import json
import os
import sys
import urllib.parse

from botocore.awsrequest import AWSResponse, create_request_object
from botocore.config import Config
from botocore.discovery import EndpointDiscoveryManager
from botocore.session import Session
from botocore.tokens import FrozenAuthToken

import values
import variants



KEY = "ASIAY34FZKBOKMUTVV7A"  # a published example; the account in it is 609629065308
# The prefix of IAM's actions by botocore's service, where it is not the signing name.
# https://docs.aws.amazon.com/service-authorization/latest/reference/reference_policies_actions-resources-contextkeys.html
IAM = {
    "cloudcontrol": "cloudformation",
    "cloudwatch": "cloudwatch",
    "importexport": "importexport",
    "iot-data": "iot",
    "iot-jobs-data": "iotjobsdata",
    "iotsecuretunneling": "iot",
    "mturk": "mechanicalturk",
    "partnercentral-account": "partnercentral",
    "partnercentral-benefits": "partnercentral",
    "partnercentral-channel": "partnercentral",
    "partnercentral-marketing": "partnercentral",
    "partnercentral-selling": "partnercentral",
    "resourcegroupstaggingapi": "tag",
    "sso": "sso",
}


def discovered(manager, Operation, **_):
    """Names a host as Timestream does, in place of asking it: the cells of https://docs.aws.amazon.com/timestream/latest/developerguide/Using-API.endpoint-discovery.how-it-works.html."""
    if not manager._model.discovery_required_for(Operation):
        return None
    kind, _, rest = urllib.parse.urlsplit(manager._client.meta.endpoint_url).netloc.partition(".")
    return f"{kind}-cell2.{rest}"


EndpointDiscoveryManager.describe_endpoint = discovered


class Taken(Exception):
    """Ends a call whose request was taken."""


class Source:
    """Makes clients and takes their requests."""

    def __init__(self, out):
        self.out = out
        self.session = Session()
        self.session.get_auth_token = lambda **_: FrozenAuthToken("invented")
        self.loader = self.session.get_component("data_loader")
        self.protocol = None  # to be spoken in place of botocore's choice
        load = self.loader.load_service_model

        def load_in_protocol(service_name, type_name, api_version=None):
            model = load(service_name, type_name, api_version)
            if type_name == "service-2" and self.protocol:
                model = {**model, "metadata": {**model["metadata"], "protocol": self.protocol, "protocols": [self.protocol]}}
            return model

        self.loader.load_service_model = load_in_protocol

    def client(self, service, region="us-east-1", protocol=None, key=KEY, endpoint=None, account=None, **config):
        self.protocol = protocol
        settings = {"parameter_validation": False, "retries": {"total_max_attempts": 1}, **config}
        client = self.session.create_client(service, region, config=Config(**settings), endpoint_url=endpoint,
                                            aws_access_key_id=key, aws_secret_access_key="invented", aws_session_token="invented-token",
                                            aws_account_id=account)
        client.meta.events.register("before-send", self._before_send)
        signer = client._request_signer
        presign = signer.generate_presigned_url
        signer.generate_presigned_url = lambda *args, **kwargs: self._presigned(signer, presign, *args, **kwargs)
        client.asked_region = region
        return client

    def call(self, client, operation, variant, params, presigned=False):
        """Has client make the request of an operation and prints it."""
        model = client.meta.service_model
        service = model.service_name
        self.expected = {"service": service, "operation": operation, "variant": variant, "region": client.asked_region,
                         "iam": IAM.get(service, model.signing_name), "protocol": model.resolved_protocol,
                         "account": "anonymous", "presigned": presigned}
        try:
            if presigned:
                name = next(k for k, v in client.meta.method_to_api_mapping.items() if v == operation)
                client.generate_presigned_url(name, params, ExpiresIn=300)
            else:
                client._make_api_call(operation, params)
        except Taken:
            return
        raise RuntimeError(f"{service} {operation} {variant}: no request")

    def failed(self, client, operation, variant, skip, error):
        """Says that botocore made no request; skip says that this is as it should be, for there is no such host."""
        record = {"service": client.meta.service_model.service_name, "operation": operation, "variant": variant}
        print(json.dumps({**record, "skipped": skip, "error": f"{type(error).__name__}: {error}"}), file=self.out)

    def _before_send(self, request, event_name, **_):
        if event_name.endswith(".CreateSession") and self.expected["operation"] != "CreateSession":
            return AWSResponse(request.url, 200, {}, Body(SESSION))
        self._take(request)
        raise Taken

    def _presigned(self, signer, presign, request_dict, operation_name, expires_in=3600, region_name=None, signing_name=None):
        if not self.expected["presigned"]:  # a URL inside another call's parameters
            return presign(request_dict, operation_name, expires_in, region_name, signing_name)
        request = create_request_object(request_dict)
        signer.sign(operation_name, request, region_name, "presign-url", expires_in, signing_name)
        self._take(request.prepare())
        raise Taken

    def _take(self, request):
        url = urllib.parse.urlsplit(request.url)
        target = (url.path or "/") + ("?" + url.query if url.query else "")
        headers = {"Host": url.netloc, "Accept-Encoding": "identity"}
        headers.update({k.title() if k.lower() == "host" else k: v.decode() if isinstance(v, bytes) else str(v) for k, v in request.headers.items()})
        lines = [f"{request.method} {target} HTTP/1.1"] + [f"{k}: {v}" for k, v in headers.items()]
        body = request.body or b""
        if hasattr(body, "read"):
            body = body.read()
        if isinstance(body, str):
            body = body.encode()
        record = {**self.expected, "host": url.netloc, "head": base64.b64encode(("\r\n".join(lines) + "\r\n\r\n").encode()).decode(),
                  "body": base64.b64encode(bytes(body[:262144])).decode()}
        if headers.get("Authorization", "").startswith("AWS "):  # SigV2
            record["account"] = values.ACCOUNT
        elif headers.get("Authorization", "").startswith("Bearer "):
            record["account"] = "key-"
        elif "AWSAccessKeyId" in url.query or body.startswith(b"Action=") and b"AWSAccessKeyId=" in body:  # SigV2 in a URL, in a form
            record["account"] = values.ACCOUNT
        scope = headers.get("Authorization", "") + urllib.parse.unquote(url.query)
        if "/aws4_request" in scope:
            _, date, *middle = scope.partition("/aws4_request")[0].rpartition("Credential=")[2].split("/")
            record["account"] = values.ACCOUNT
            if record["service"] in ("s3", "s3control"):
                record["iam"] = middle[-1]
            if len(middle) == 1:  # SigV4a
                regions = headers.get("X-Amz-Region-Set") or urllib.parse.parse_qs(url.query).get("X-Amz-Region-Set", [""])[0]
                record["region"] = regions.split(",")[0] if regions != "*" else None
            else:
                record["region"] = middle[0]
        record["presigned"] = record["presigned"] and "Signature=" in url.query  # what needs no signature gets none
        if record["region"] and "/aws4_request" not in scope and record["region"] not in url.netloc:
            record["region"] = None  # neither a signature nor the host tells it
        record["partition"] = record["region"] and self.session.get_partition_for_region(record["region"])
        print(json.dumps(record), file=self.out)


class Body:
    """A response's raw body, as urllib3 gives it."""

    def __init__(self, data):
        self.data = data

    def stream(self, **_):
        yield self.data


SESSION = (b"<CreateSessionResult><Credentials><AccessKeyId>" + KEY.encode() + b"</AccessKeyId><SecretAccessKey>invented</SecretAccessKey>"
           b"<SessionToken>invented</SessionToken><Expiration>2036-11-23T17:10:00Z</Expiration></Credentials></CreateSessionResult>")


def main(part, of):
    os.environ.update(AWS_CONFIG_FILE=os.devnull, AWS_SHARED_CREDENTIALS_FILE=os.devnull, AWS_EC2_METADATA_DISABLED="true")
    source = Source(sys.stdout)
    services = source.session.get_available_services()
    for service in services[part::of]:
        variants.every_request(source, service)


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
