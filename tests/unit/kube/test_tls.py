"""The client's side of TLS: the key reaches OpenSSL, and nothing of it stays."""

import asyncio
import contextlib
import os
import ssl
import tempfile
from pathlib import Path

import pytest

from cluster.pki import Authority
from regcred.core.credential import Password
from regcred.core.errors import ClusterUnreachable, InvalidKubeconfig, RegcredError
from regcred.kube import tls
from regcred.kube.client import Client
from regcred.kube.config import TLS, Auth, ClusterConfig
from regcred.kube.resources import NAMESPACES


@pytest.fixture
def authority(tmp_path):
    folder = tmp_path / "pki"
    folder.mkdir()
    return Authority(folder, "ca")


@pytest.fixture
def config(authority):
    pair = authority.client("ann", "ann")
    return ClusterConfig(
        server="https://127.0.0.1:1",
        tls=TLS(ca=authority.files.certificate.read_bytes()),
        auth=Auth(
            whose="user 'ann'",
            certificate=pair.certificate.read_bytes(),
            key=Password(pair.key.read_text()),
        ),
    )


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The folder for temporary files, empty."""
    folder = tmp_path / "tmp"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


def context(config):
    return tls.context(config, config.auth.certificate, config.auth.key)


async def who_connects(authority, client_side):
    """The common name that a server sees in the client's certificate."""
    pair = authority.server("server", ("127.0.0.1",))
    server_side = ssl.create_default_context(
        ssl.Purpose.CLIENT_AUTH, cafile=authority.files.certificate
    )
    server_side.load_cert_chain(pair.certificate, pair.key)
    server_side.verify_mode = ssl.CERT_REQUIRED
    seen = asyncio.get_running_loop().create_future()

    async def greet(reader, writer):
        seen.set_result(dict(part[0] for part in writer.get_extra_info("peercert")["subject"]))
        writer.close()
        await writer.wait_closed()

    server = await asyncio.start_server(greet, "127.0.0.1", 0, ssl=server_side)
    async with server:
        port = server.sockets[0].getsockname()[1]
        _, writer = await asyncio.open_connection("127.0.0.1", port, ssl=client_side)
        try:
            return (await seen)["commonName"]
        finally:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()


@pytest.mark.skipif(not hasattr(os, "memfd_create"), reason="files in memory are Linux's")
async def test_the_key_touches_no_disk(authority, config, folder):
    folder.rmdir()
    assert await who_connects(authority, context(config)) == "ann"


@pytest.fixture(params=["not known", "forbidden", "no /proc"])
def no_memory(request, monkeypatch):
    """A system without files in memory."""

    def forbidden(name):
        raise PermissionError(1, "Operation not permitted")

    if request.param == "not known":
        monkeypatch.delattr(os, "memfd_create", raising=False)
    elif request.param == "forbidden":
        monkeypatch.setattr(os, "memfd_create", forbidden, raising=False)
    else:
        monkeypatch.setattr(os, "access", lambda path, mode: False)


def open_files():
    return sorted(path.name for path in Path("/dev/fd").iterdir())


async def test_elsewhere_a_temporary_file_is_gone_at_once(authority, config, folder, no_memory):
    before = open_files()
    client_side = context(config)
    assert not any(folder.iterdir())
    assert open_files() == before
    assert await who_connects(authority, client_side) == "ann"


async def test_no_place_for_the_key_is_not_the_servers_fault(config, folder, no_memory):
    folder.rmdir()
    async with Client(config) as client:
        with pytest.raises(RegcredError, match="cannot be handed to OpenSSL") as caught:
            await client.get(NAMESPACES, "default")
    assert not isinstance(caught.value, ClusterUnreachable)
    assert "TMPDIR" in caught.value.hint
    assert "PRIVATE" not in caught.value.message


def test_a_key_of_somebody_else_is_told(authority, config):
    other = Password(authority.client("bob", "bob").key.read_text())
    with pytest.raises(InvalidKubeconfig, match="the key belongs to another certificate"):
        tls.context(config, config.auth.certificate, other)
    with pytest.raises(InvalidKubeconfig, match="not PEM"):
        tls.context(config, b"rubbish", Password("hunter2"))
