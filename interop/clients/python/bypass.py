"""Calls AWS as a program does that knows no proxy: by a TLS connection of its own, to the address given, kept for a second."""

import os
import ssl
import socket
import sys
import time

context = ssl.create_default_context(cafile=os.environ["AWS_CA_BUNDLE"])
host = "sts.us-east-1.amazonaws.com"
with socket.create_connection((sys.argv[1], 443)) as plain, context.wrap_socket(plain, server_hostname=host) as conn:
    body = b"Action=GetCallerIdentity&Version=2011-06-15"
    conn.sendall(b"POST / HTTP/1.1\r\nHost: %s\r\nContent-Length: %d\r\n\r\n%s" % (host.encode(), len(body), body))
    answer = conn.recv(4096)
    time.sleep(1.5)
sys.exit(not answer.startswith(b"HTTP/1.1 "))
