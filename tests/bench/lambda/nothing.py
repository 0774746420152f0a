"""A function that does not even read what it is sent: what the exchange itself costs here."""
import os
import socket

host, port = os.environ['AWS_LAMBDA_RUNTIME_API'].split(':')
NEXT = f'GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\nHost: {host}\r\n\r\n'.encode()
ANSWER = (f'POST /2018-06-01/runtime/invocation/r/response HTTP/1.1\r\nHost: {host}\r\n'
          'Content-Length: 2\r\n\r\n{}').encode()

api = socket.create_connection((host, int(port)))
api.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
while True:
    for request in (NEXT, ANSWER):
        api.sendall(request)
        if not api.recv(65536):
            raise SystemExit
