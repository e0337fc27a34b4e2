"""What stands between the client and a real API server, or answers in its place."""

from __future__ import annotations

import asyncio
import gc
import secrets
import socket
import ssl
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
from aiohttp import web

from cluster.pki import Authority
from regcred.core.errors import (
    APIError,
    ClusterUnreachable,
    InvalidKubeconfig,
    NotFound,
    ServerError,
    TooManyRequests,
)
from regcred.kube.client import Client
from regcred.kube.config import load
from regcred.kube.resources import NAMESPACES, SECRETS
from tests.support.between import ConnectProxy, Gateway


@pytest.fixture
def config(kubeconfig):
    return load(kubeconfig=str(kubeconfig), env={})


async def get_default(config, **options) -> dict:
    async with Client(config, **options) as client:
        return await client.get(NAMESPACES, "default")


class TestProxies:
    async def test_everything_goes_through_it(self, config):
        async with ConnectProxy().running() as proxy:
            config = replace(config, proxy_url=f"http://127.0.0.1:{proxy.port}")
            assert (await get_default(config))["kind"] == "Namespace"
        assert proxy.targets == [config.server.removeprefix("https://")]

    async def test_one_that_asks_for_a_login(self, config):
        async with ConnectProxy("ann:hunter2").running() as proxy:
            there = f"127.0.0.1:{proxy.port}"
            await get_default(replace(config, proxy_url=f"http://ann:hunter2@{there}"))
            with pytest.raises(ClusterUnreachable, match="answers HTTP 407") as caught:
                await get_default(replace(config, proxy_url=f"http://ann:hunter3@{there}"))
        assert "user and password" in caught.value.hint
        assert "hunter" not in caught.value.message + caught.value.hint

    async def test_one_that_is_spoken_to_over_tls(self, config, cluster):
        authority = Authority(cluster.folder.pki, "ca")
        pair = authority.server(f"proxy-{secrets.token_hex(4)}", ("127.0.0.1",))
        tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        tls.load_cert_chain(pair.certificate, pair.key)
        async with ConnectProxy().running(tls) as proxy:
            await get_default(replace(config, proxy_url=f"https://127.0.0.1:{proxy.port}"))
        assert len(proxy.targets) == 1

    async def test_one_that_is_not_there(self, config):
        async with ConnectProxy().running() as proxy:
            pass
        with pytest.raises(ClusterUnreachable, match=r"proxy .*nothing listens there"):
            await get_default(replace(config, proxy_url=f"http://127.0.0.1:{proxy.port}"))


@pytest.fixture
async def gateway(cluster):
    tls = ssl.create_default_context(cafile=cluster.ca_file)
    tls.load_cert_chain(cluster.folder.pki / "admin.crt", cluster.folder.pki / "admin.key")
    async with Gateway(cluster.server, tls).running() as gateway:
        yield gateway


def status(code: int, **headers: str) -> web.Response:
    body = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "message": "in trouble"}
    return web.json_response(body | {"code": code}, status=code, headers=headers)


class TestTrouble:
    async def test_a_pause_that_is_asked_for_is_made(self, config, gateway, namespace):
        gateway.troubles = [status(429, **{"Retry-After": "0"}) for _ in range(3)]
        gateway.troubles.append(status(503, **{"Retry-After": "0"}))
        async with Client(replace(config, server=gateway.url)) as client:
            made = await client.create(SECRETS, {"metadata": {"name": "s"}}, namespace)
        assert made["metadata"]["name"] == "s"
        assert len(gateway.requests) == 5

    async def test_not_for_ever(self, config, gateway):
        gateway.troubles = [status(429, **{"Retry-After": "0"}) for _ in range(99)]
        with pytest.raises(TooManyRequests, match="in trouble") as caught:
            await get_default(replace(config, server=gateway.url))
        assert caught.value.retry_after == 0
        assert len(gateway.requests) == 11

    @pytest.mark.parametrize("headers", [{}, {"Retry-After": "3600"}, {"Retry-After": "soon"}])
    async def test_no_pause_is_invented_and_none_is_too_long(self, config, gateway, headers):
        gateway.troubles = [status(429, **headers)]
        with pytest.raises(TooManyRequests):
            await get_default(replace(config, server=gateway.url))

    async def test_a_read_is_tried_again(self, config, gateway):
        gateway.troubles = [status(500), status(503)]
        assert (await get_default(replace(config, server=gateway.url)))["kind"] == "Namespace"
        gateway.troubles = [status(503) for _ in range(3)]
        with pytest.raises(ServerError, match="in trouble"):
            await get_default(replace(config, server=gateway.url))

    async def test_a_write_is_not(self, config, gateway, namespace):
        gateway.troubles = [status(500)]
        async with Client(replace(config, server=gateway.url)) as client:
            with pytest.raises(ServerError):
                await client.create(SECRETS, {"metadata": {"name": "s"}}, namespace)
        assert len(gateway.requests) == 1

    @pytest.mark.parametrize(
        ("code", "body", "kind"),
        [
            (200, "<html>please log in, hunter2</html>", "text/html"),
            (403, "<html>please log in, hunter2</html>", "text/html"),
            (302, "", "text/plain"),
            (200, "hunter2", "application/json"),
            (200, '["hunter2"]', "application/json"),
        ],
    )
    async def test_what_is_no_api_server(self, config, gateway, code, body, kind):
        gateway.troubles = [web.Response(status=code, text=body, content_type=kind)]
        with pytest.raises(
            ClusterUnreachable, match=f"not a Kubernetes API .*HTTP {code}"
        ) as caught:
            await get_default(replace(config, server=gateway.url))
        assert gateway.url in caught.value.message
        assert "hunter2" not in caught.value.message + caught.value.hint

    @pytest.mark.parametrize(
        ("body", "kind"),
        [("hunter2", "text/plain"), ("hunter2", "application/json"), ("[1]", "application/json")],
    )
    async def test_a_failure_without_a_status(self, config, gateway, body, kind):
        gateway.troubles = [web.Response(status=404, text=body, content_type=kind)]
        with pytest.raises(NotFound, match="cannot get namespaces/default: HTTP 404") as caught:
            await get_default(replace(config, server=gateway.url))
        assert "hunter2" not in caught.value.message

    async def test_foreign_json_is_not_shown(self, config, gateway):
        foreign = {"message": "hunter2", "error": "hunter3"}
        gateway.troubles = [web.json_response(foreign, status=418)]
        with pytest.raises(APIError, match="HTTP 418"):
            await get_default(replace(config, server=gateway.url))


@asynccontextmanager
async def listening(serve):
    """A TCP server on a free port of 127.0.0.1; yields its URL."""
    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()


class TestNoAnswer:
    async def test_nothing_listens(self, config):
        with socket.create_server(("127.0.0.1", 0)) as server:
            port = server.getsockname()[1]
        for host in ("127.0.0.1", "localhost"):
            with pytest.raises(ClusterUnreachable, match="nothing listens there") as caught:
                await get_default(replace(config, server=f"https://{host}:{port}"))
            assert f"https://{host}:{port}" in caught.value.message
            assert config.source in caught.value.hint

    async def test_a_name_that_is_none(self, config):
        with pytest.raises(ClusterUnreachable, match="name cannot be resolved"):
            await get_default(replace(config, server="https://api.invalid"))

    async def test_silence(self, config):
        gone = asyncio.Event()

        async def serve(_, writer):
            await gone.wait()
            writer.close()

        async with listening(serve) as url:
            with pytest.raises(ClusterUnreachable, match=r"no answer within 0\.2 s"):
                await get_default(replace(config, server=url), timeout=0.2)
            gone.set()

    async def test_a_connection_that_breaks(self, config):
        async def serve(reader, writer):
            await reader.readuntil(b"\r\n\r\n")
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{")
            writer.close()

        async with listening(serve) as url:
            with pytest.raises(ClusterUnreachable, match="connection broke"):
                await get_default(replace(config, server=url))

    async def test_tls_to_a_plain_port(self, config, gateway):
        url = gateway.url.replace("http", "https")
        with pytest.raises(ClusterUnreachable, match="no TLS connection") as caught:
            await get_default(replace(config, server=url))
        assert "plain HTTP" in caught.value.hint


class TestEnds:
    async def test_cancelling_leaves_nothing_open(self, config):
        """An unclosed session or socket would be a ResourceWarning, and so a failure."""
        arrived = asyncio.Event()

        async def serve(reader, writer):
            await reader.readuntil(b"\r\n\r\n")
            arrived.set()
            await reader.read()  # until the client is gone
            writer.close()

        async with listening(serve) as url:
            task = asyncio.create_task(get_default(replace(config, server=url)))
            await arrived.wait()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
        del task
        gc.collect()

    async def test_a_client_is_used_inside_its_block(self, config):
        with pytest.raises(RuntimeError, match="async with"):
            await Client(config).get(NAMESPACES, "default")


class TestClientCertificates:
    @pytest.mark.parametrize(
        ("key", "says"),
        [
            ("rubbish", "they are not PEM"),
            ("another", "the key belongs to another certificate"),
            ("encrypted", "protected by a passphrase"),
        ],
    )
    async def test_keys_that_cannot_be_used(self, config, tmp_path, key, says):
        from cryptography.hazmat.primitives import serialization
        from cryptography.hazmat.primitives.asymmetric import ec

        from regcred.core.credential import Password

        made = ec.generate_private_key(ec.SECP256R1())
        protection: serialization.KeySerializationEncryption = serialization.NoEncryption()
        if key == "encrypted":
            protection = serialization.BestAvailableEncryption(b"passphrase")
        pem = made.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, protection
        ).decode()
        auth = replace(config.auth, key=Password("rubbish" if key == "rubbish" else pem))
        with pytest.raises(InvalidKubeconfig, match=says) as caught:
            await get_default(replace(config, auth=auth))
        assert config.auth.whose in caught.value.message

    async def test_a_ca_that_is_none(self, config):
        tls = replace(config.tls, ca=b"rubbish \xff")
        with pytest.raises(InvalidKubeconfig, match="is not a PEM certificate"):
            await get_default(replace(config, tls=tls))

    async def test_a_ca_between_comments(self, config):
        ca = b"# d\xc3\xa9j\xc3\xa0\n" + config.tls.ca + b"\nmore\n" + config.tls.ca
        await get_default(replace(config, tls=replace(config.tls, ca=ca)))
