"""Answers of a server that is no API server, or a hostile one."""

import pytest
from aiohttp import web

from regcred.core.errors import ClusterUnreachable, ServerError
from regcred.kube.client import Client
from regcred.kube.config import ClusterConfig
from regcred.kube.resources import SECRETS


@pytest.fixture
async def server():
    """A server that answers with the status that it is asked for, and endless brackets."""

    async def answer(request):
        status = int(request.match_info["name"])
        return web.Response(status=status, body=b"[" * 100_000, content_type="application/json")

    app = web.Application()
    app.router.add_post("/api/v1/namespaces/{name}/secrets", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    await runner.cleanup()


@pytest.mark.parametrize(("code", "error"), [("200", ClusterUnreachable), ("500", ServerError)])
async def test_json_nested_too_deeply_is_no_object(server, code, error):
    async with Client(ClusterConfig(server=server)) as client:
        with pytest.raises(error) as caught:
            await client.create(SECRETS, {}, code)
    assert "[[" not in caught.value.message
