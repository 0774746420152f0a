"""A name server for a process that name_server.c was loaded into."""
import contextlib
import socket
import struct
import threading

TXT, SRV = 16, 33
NO_SUCH_NAME = 3


def encoded(name):
    return b''.join(bytes([len(part)]) + part.encode() for part in name.split('.')) + b'\0'


def srv(host, port):
    return struct.pack('>HHH', 0, 0, port) + encoded(host)


def txt(text):
    return bytes([len(text)]) + text.encode()


def answer(query, records):
    end = query.index(b'\0', 12) + 1
    kind, = struct.unpack('>H', query[end:end + 2])
    name = query[12:end].lower()
    found = [data for n, k, data in records if (encoded(n), k) == (name, kind)]
    status = 0 if any(encoded(n) == name for n, _, _ in records) else NO_SUCH_NAME
    head = query[:2] + struct.pack('>HHHHH', 0x8180 | status, 1, len(found), 0, 0)
    return head + query[12:end + 4] + b''.join(
        name + struct.pack('>HHIH', kind, 1, 60, len(data)) + data for data in found)


@contextlib.contextmanager
def names(module, *records):
    """Answers with @records, (name, kind, data), while it is open; gives the settings of a process
    that shall ask here."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(('127.0.0.1', 0))

        def serve():
            while True:
                query, sender = server.recvfrom(512)
                if not query:
                    return
                server.sendto(answer(query, records), sender)
        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield {'LD_PRELOAD': module, 'ECOM_TEST_DNS': str(server.getsockname()[1])}
        finally:
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as end:
                end.sendto(b'', server.getsockname())
            thread.join()
