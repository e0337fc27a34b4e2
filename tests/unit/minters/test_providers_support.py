"""What the servers of the tests stand on: if this is wrong, all of them are."""

from datetime import timedelta

import pytest
from aiohttp import web

from regcred.core.errors import MintFailed
from tests.support.providers.oidc import BadToken, federated, subject


async def hello(_request):
    return web.json_response({"hello": "you"})


@pytest.fixture
def app():
    app = web.Application()
    app.router.add_get("/hello", hello)
    return app


async def test_a_name_leads_to_a_server_with_tls(start, desk, dns, app):
    served = start(app, "api.example.com")
    dns["api.example.com"] = served.port
    answer = await (await desk()).web.ask("GET", "https://api.example.com/hello?a=b")
    assert (answer.status, answer.text("hello")) == (200, "you")
    assert [(seen.method, seen.path) for seen in served.requests] == [("GET", "/hello?a=b")]
    with pytest.raises(MintFailed, match="no such host"):
        await (await desk()).web.ask("GET", "https://www.example.com/hello")


async def test_a_server_fails_as_it_is_told(start, desk, app):
    served, ask = start(app), (await desk()).web.ask
    served.instead(503, {"message": "busy"}, path="/hello", headers={"Retry-After": "7"})
    answer = await ask("GET", f"{served.url}/hello")
    assert (answer.status, answer.text("message")) == (503, "busy")
    assert answer.headers["retry-after"] == "7"
    assert (await ask("GET", f"{served.url}/other")).status == 404
    served.hang_up(path="/hello")
    with pytest.raises(MintFailed, match="hangs up"):
        await ask("GET", f"{served.url}/hello")
    served.heal()
    assert (await ask("GET", f"{served.url}/hello")).text("hello") == "you"


async def test_nobody_is_there(unreachable, desk):
    with pytest.raises(MintFailed, match="cannot be reached"):
        await (await desk()).web.ask("GET", f"http://{unreachable}/")


async def test_tokens_of_service_accounts_are_verified_by_discovery(issuer, clock):
    token = (await issuer("puller", "registry")).reveal()
    claims = await federated(token, issuer.url, "registry", clock())
    assert claims["sub"] == subject("puller")
    with pytest.raises(BadToken, match="audience"):
        await federated(token, issuer.url, "another", clock())
    with pytest.raises(BadToken, match="signature"):
        await federated(token[:-8] + "AAAAAAAA", issuer.url, "registry", clock())
    clock.forward(timedelta(minutes=11))
    with pytest.raises(BadToken, match="expired"):
        await federated(token, issuer.url, "registry", clock())
