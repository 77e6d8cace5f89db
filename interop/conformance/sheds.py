"""Answers botocore's calls with the refusals read from standard input, one JSON object a line, and prints what each retry mode made of it."""

import base64
import copy
import json
import sys

import botocore.endpoint
from botocore.awsrequest import AWSResponse, HeadersDict
from botocore.exceptions import ClientError
from botocore.retries.standard import ThrottledRetryableChecker

import record
import values

ATTEMPTS = 3


class Refusing(record.Source):
    """Makes clients whose every attempt gets the same answer."""

    def __init__(self):
        super().__init__(None)
        self.waits = []
        load = self.loader.load_data
        # Each client gets its own copy: making one for Organizations changes the rule for 429 of all that follow in a session
        # (translate.build_retry_config merges into the shared definitions, botocore 1.44.5).
        self.loader.load_data = lambda name: copy.deepcopy(load(name)) if name == "_retry" else load(name)
        botocore.endpoint.time.sleep = self.waits.append

    def answer(self, raw):
        head, _, body = raw.partition(b"\r\n\r\n")
        status, *fields = head.decode().split("\r\n")
        self.status, self.body = int(status.split()[1]), body
        self.fields = dict(field.split(": ", 1) for field in fields)

    def _before_send(self, request, event_name, **_):
        self.attempts += 1
        return AWSResponse(request.url, self.status, HeadersDict(self.fields), record.Body(self.body))

    def call(self, case, mode):
        """Returns the code that botocore reads, how often it tried, and how long it waited between."""
        client = self.client(case["service"], protocol=case["protocol"], retries={"mode": mode, "total_max_attempts": ATTEMPTS})
        self.answer(base64.b64decode(case["shed"]))
        self.attempts = 0
        self.waits.clear()
        operation = client.meta.service_model.operation_model(case["operation"])
        try:
            client._make_api_call(case["operation"], values.parameters(case["service"], operation, False))
        except ClientError as error:
            return error.response["Error"]["Code"], self.attempts, list(self.waits)
        raise RuntimeError(f"{case['service']} {case['operation']}: the refusal was taken for success")


def main():
    source = Refusing()
    throttles = ThrottledRetryableChecker._THROTTLED_ERROR_CODES
    for line in sys.stdin:
        case = json.loads(line)
        for mode in ("legacy", "standard"):
            code, attempts, waits = source.call(case, mode)
            ok = code in throttles and attempts == ATTEMPTS and (mode == "legacy" or min(waits) >= case["after"])
            print(json.dumps({"service": case["service"], "protocol": case["protocol"], "mode": mode, "code": code, "attempts": attempts,
                              "waits": waits, "ok": ok}))


if __name__ == "__main__":
    main()
