"""A TCP proxy that does to connections what networks do."""
import contextlib
import selectors
import socket
import struct
import threading
import time


class Proxy:
    """From a port of 127.0.0.1 to another, in threads, until close(). @heard is called with all bytes
    that go to the server."""

    def __init__(self, port, server_port, heard=None):
        self.server_port = server_port
        self.heard = heard
        self.delay_s = 0
        self.down = False
        self.lock = threading.Lock()
        self.links = set()
        self.listener = socket.create_server(('127.0.0.1', port), backlog=64)
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.listener.close()
        self.cut()

    def cut(self, reset=False):
        """Ends all connections that are there; by a reset, or in order."""
        with self.lock:
            links, self.links = self.links, set()
        for link in links:
            for end in link:
                with contextlib.suppress(OSError):
                    if reset:
                        end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))
                        end.close()
                    else:
                        end.shutdown(socket.SHUT_RDWR)

    @contextlib.contextmanager
    def outage(self):
        self.down = True
        self.cut()
        try:
            yield
        finally:
            self.down = False

    def _accept(self):
        while True:
            try:
                ours, _ = self.listener.accept()
            except OSError:
                return
            try:
                if self.down:
                    raise OSError
                server = socket.create_connection(('127.0.0.1', self.server_port))
            except OSError:
                ours.close()
                continue
            for end in (ours, server):
                end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            link = (ours, server)
            with self.lock:
                self.links.add(link)
            threading.Thread(target=self._serve, args=link, daemon=True).start()

    def _serve(self, ours, server):
        other = {ours: server, server: ours}
        with contextlib.suppress(OSError, ValueError), selectors.DefaultSelector() as ready:
            for end in other:
                ready.register(end, selectors.EVENT_READ)
            while True:
                for key, _ in ready.select():
                    data = key.fileobj.recv(65536)
                    if not data:
                        raise OSError
                    if self.heard and key.fileobj is ours:
                        self.heard(data)
                    time.sleep(self.delay_s)
                    other[key.fileobj].sendall(data)
        with self.lock:
            self.links.discard((ours, server))
        ours.close()
        server.close()
