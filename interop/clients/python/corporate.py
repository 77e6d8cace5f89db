"""An addon of mitmproxy: notes each request that passes, one line in the file that CORPORATE_LOG names."""

import os


def request(flow):
    with open(os.environ["CORPORATE_LOG"], "a") as log:
        log.write(f"{flow.request.method} {flow.request.pretty_host}\n")
