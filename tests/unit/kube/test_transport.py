"""Answers of a server that is no API server, or a hostile one; and who is told of answers."""

import socket

import pytest
from aiohttp import web

from regcred.core.errors import ClusterUnreachable, NotFound, NotLeader, ServerError
from regcred.kube.client import Client
from regcred.kube.config import ClusterConfig
from regcred.kube.linestream import Limits
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


@pytest.fixture
async def busy():
    """A server that answers with each status in turn."""
    left = []

    async def answer(_request):
        status = left.pop(0)
        body = {"kind": "Status" if status >= 400 else "Secret", "metadata": {}}
        return web.json_response(body, status=status, headers={"Retry-After": "0"})

    app = web.Application()
    app.router.add_route("*", "/prefix/{path:.*}", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}/prefix", left
    await runner.cleanup()


async def test_every_answer_is_told(busy):
    server, left = busy
    told = []

    def tell(*answer):
        told.append(answer[:3])
        assert 0 <= answer[3] < 60

    async with Client(ClusterConfig(server=server), on_answer=tell) as client:
        left += [429, 500, 200]
        await client.get(SECRETS, "regcred", "team-a")
        left += [503, 201]
        await client.create(SECRETS, {}, "team-a")
        left += [404]
        with pytest.raises(NotFound):
            await client.delete(SECRETS, "regcred", "team-a")
        left += [200]
        query = {"watch": "true"}
        limits = Limits(silence=10, seconds=10, line=1000)
        async with client.stream(
            SECRETS.path(), query=query, accept="application/json", limits=limits, doing="watch"
        ):
            pass
    assert told == [
        ("get", "secrets", 429),
        ("get", "secrets", 500),
        ("get", "secrets", 200),
        ("create", "secrets", 503),
        ("create", "secrets", 201),
        ("delete", "secrets", 404),
        ("watch", "secrets", 200),
    ]


async def test_no_answer_is_told_too():
    told = []
    with socket.socket() as nobody:  # bound, and not listening
        nobody.bind(("127.0.0.1", 0))
        config = ClusterConfig(server=f"http://127.0.0.1:{nobody.getsockname()[1]}")
        async with Client(config, on_answer=lambda *x: told.append(x[:3])) as client:
            with pytest.raises(ClusterUnreachable):
                await client.list(SECRETS)
            with pytest.raises(ClusterUnreachable):
                async with client.stream(
                    SECRETS.path(),
                    query={"watch": "1"},
                    accept="application/json",
                    limits=Limits(silence=10, seconds=10, line=1000),
                    doing="watch",
                ):
                    pass
    assert told == [("list", "secrets", 0), ("watch", "secrets", 0)]


async def test_what_the_fence_held_back_is_not_told(busy):
    def fence():
        raise NotLeader("no")

    told = []
    async with Client(
        ClusterConfig(server=busy[0]), fence=fence, on_answer=lambda *x: told.append(x)
    ) as client:
        with pytest.raises(NotLeader):
            await client.create(SECRETS, {}, "team-a")
    assert told == []
