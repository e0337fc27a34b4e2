"""Registries that a node gets nothing from: one has enough of it, one it does not trust."""

from __future__ import annotations

import http.client
import json
import ssl
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

from cluster.pki import Authority

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from cluster.registries import Registry

#: Seconds after which the throttling registry takes requests again, as it says.
_RETRY_AFTER = 600
#: This machine, and to containerd no loopback address, with which it would speak plain HTTP.
_HERE = "0.0.0.0"


@contextmanager
def throttling() -> Iterator[str]:
    """The address of a registry that takes no more requests for now, and says it as Docker Hub."""
    with _serving(_Throttling, "127.0.0.1") as port:
        yield f"127.0.0.1:{port}"


@contextmanager
def trusted_here(upstream: Registry, folder: Path) -> Iterator[tuple[str, Path]]:
    """The address of a registry over TLS, and the file of its CA, which no node knows.

    Args:
        upstream: has its images and logins, over plain HTTP.
        folder: for the CA.
    """
    folder.mkdir()
    authority = Authority(folder, "ca")
    pair = authority.server("registry", (_HERE,))
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(pair.certificate, pair.key)

    class Forwarding(_Forwarding):
        address = upstream.address

    with _serving(Forwarding, _HERE, tls) as port:
        yield f"{_HERE}:{port}", authority.files.certificate


@contextmanager
def _serving(
    handler: type[BaseHTTPRequestHandler], host: str, tls: ssl.SSLContext | None = None
) -> Iterator[int]:
    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def finish_request(self, request, client_address):
            """Shake hands in the connection's own thread; a client may hang up in it."""
            try:
                if tls:
                    request = tls.wrap_socket(request, server_side=True)
                handler(request, client_address, self)
                request.close()
            except OSError:
                pass

    with Server((host, 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()
            thread.join()


class _Quiet(BaseHTTPRequestHandler):
    def answer(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)

    def log_message(self, *args: object) -> None:
        pass


class _Throttling(_Quiet):
    def do_GET(self) -> None:
        said = {"code": "TOOMANYREQUESTS", "message": "You have reached your pull rate limit."}
        headers = {"Content-Type": "application/json", "Retry-After": str(_RETRY_AFTER)}
        self.answer(429, headers, json.dumps({"errors": [said]}).encode())

    do_HEAD = do_GET  # noqa: N815


class _Forwarding(_Quiet):
    address = ""

    def do_GET(self) -> None:
        sent = {
            name: self.headers[name] for name in ("Accept", "Authorization") if name in self.headers
        }
        connection = http.client.HTTPConnection(self.address, timeout=30)
        try:
            connection.request(self.command, self.path, headers=sent)
            answer = connection.getresponse()
            kept = ("Content-Type", "Content-Length", "Docker-Content-Digest", "WWW-Authenticate")
            headers = {name: answer.headers[name] for name in kept if name in answer.headers}
            self.answer(answer.status, headers, answer.read())
        finally:
            connection.close()

    do_HEAD = do_GET  # noqa: N815
