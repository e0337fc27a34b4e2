"""`regcred.registry.verify` against peers that do what broken or hostile registries do.

The real registries are in tests/integration/test_registry.py.
"""

import asyncio
import socket

import pytest
from aiohttp import web

from regcred import registry
from regcred.core.credential import Credential, Password
from regcred.core.errors import (
    BadCredentials,
    InvalidInput,
    InvalidRegistry,
    RegistryProtocolError,
    RegistryRefused,
    RegistryUnreachable,
)
from tests.support.peers import BASIC, PASSWORD

CHALLENGE = {"WWW-Authenticate": 'Basic realm="r"'}
ENDLESS = 64 * 1024 * 1024


def me(key):
    return Credential(key, "me", Password(PASSWORD))


async def accepts_basic(request):
    """A registry with one user."""
    if request.headers.get("Authorization") == BASIC:
        return web.json_response({})
    return web.json_response(
        {"errors": [{"code": "UNAUTHORIZED", "message": "authentication required"}]},
        status=401,
        headers=CHALLENGE,
    )


async def open_to_all(request):
    return web.json_response({})


def asks_for_token(realm):
    async def answer(request):
        if request.headers.get("Authorization") == "Bearer t0k":
            return web.json_response({})
        challenge = f'Bearer realm="{realm}",service="s"'
        return web.Response(status=401, headers={"WWW-Authenticate": challenge})

    return answer


async def gives_token(request):
    form = await request.post()
    if request.headers.get("Authorization") == BASIC or form.get("password") == PASSWORD:
        return web.json_response({"access_token": "t0k"})
    return web.json_response({"details": f"bad password {PASSWORD}"}, status=401)


async def refuses(credential, error=RegistryUnreachable, **options):
    """The error of `verify`, which never shows the password."""
    with pytest.raises(error) as caught:
        await registry.verify(credential, **options)
    assert "hunter2" not in caught.value.message + caught.value.hint
    return caught.value


async def test_password_is_verified(serve):
    peer = await serve(accepts_basic)
    verified = await registry.verify(me(f"{peer.address}/team"))
    assert verified == registry.Verified(f"{peer.address}/team", peer.address, asked=True)
    assert peer.authorizations == [None, BASIC]
    assert [path for _, path, _, _ in peer.requests] == ["/v2/", "/v2/"]


async def test_registry_that_does_not_ask_says_so(serve):
    peer = await serve(open_to_all)
    assert not (await registry.verify(me(peer.address))).asked
    assert peer.authorizations == [None, BASIC]


async def test_wrong_password_says_what_the_registry_said(serve):
    service = await serve(gives_token)
    peer = await serve(asks_for_token(f"http://{service.address}/token"))
    wrong = Credential(peer.address, "you", Password(PASSWORD))
    error = await refuses(wrong, BadCredentials)
    assert error.message == (
        f"{peer.address} does not accept user 'you' with this password: bad password ********"
    )


@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_token_is_fetched_by_get_or_by_form(serve, tls, ca_file, scheme):
    async def gives_token_by_form(request):
        return await gives_token(request) if request.method == "POST" else web.Response(status=405)

    context = tls("127.0.0.1") if scheme == "https" else None
    for give in (gives_token, gives_token_by_form):
        service = await serve(give, context)
        peer = await serve(asks_for_token(f"{scheme}://{service.address}/token"), context)
        verified = await registry.verify(me(peer.address), ca_file=ca_file)
        assert verified.asked
        assert peer.authorizations == [None, "Bearer t0k"]


async def test_docker_hub_is_asked_where_it_is(serve, tls, ca_file, names):
    service = await serve(gives_token, tls("auth.docker.io"))
    hub = await serve(asks_for_token("https://auth.docker.io/token"), tls("registry-1.docker.io"))
    names["registry-1.docker.io"] = ("127.0.0.1", hub.port)
    names["auth.docker.io"] = ("127.0.0.1", service.port)
    verified = await registry.verify(me("https://index.docker.io/v1/"), ca_file=ca_file)
    assert verified.host == "registry-1.docker.io"
    assert service.requests[0][1] == "/token?service=s&account=me"
    assert hub.requests[0][2]["Host"] == "registry-1.docker.io"


async def test_session_adds_no_login_and_no_cookie(serve, monkeypatch, tmp_path):
    async def sets_cookie(request):
        answer = await accepts_basic(request)
        answer.set_cookie("session", "x")
        return answer

    peer = await serve(sets_cookie)
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login netrc password netrc\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    await registry.verify(me(peer.address))
    assert peer.authorizations == [None, BASIC]
    assert all("Cookie" not in headers for _, _, headers, _ in peer.requests)


async def test_plain_http_is_asked_for_where_it_is_not_loopback(serve, names):
    peer = await serve(accepts_basic)
    names["registry.example.com"] = ("127.0.0.1", 0)
    key = f"registry.example.com:{peer.port}"
    error = await refuses(me(key))
    assert error.message == f"{key} speaks plain HTTP, not https"
    assert error.hint.endswith(f"--plain-http {key}")
    assert peer.requests == []
    assert (await registry.verify(me(key), plain_http=True)).asked


async def test_unknown_ca_is_told_and_trusted_on_request(serve, tls, ca_file):
    peer = await serve(accepts_basic, tls("127.0.0.1"))
    error = await refuses(me(peer.address))
    assert f"{peer.address} shows a certificate that is not trusted: unable to" in error.message
    assert "--ca-file" in error.hint
    assert peer.requests == []
    assert (await registry.verify(me(peer.address), ca_file=ca_file)).asked


async def test_certificate_of_another_host_is_told(serve, tls, ca_file):
    peer = await serve(accepts_basic, tls("other.example.com"))
    error = await refuses(me(peer.address), ca_file=ca_file)
    assert "not trusted: IP address mismatch" in error.message
    assert error.hint.startswith("check the registry's name")
    assert peer.requests == []


@pytest.mark.parametrize(
    ("content", "why"),
    [(None, "cannot read the CA file"), (b"", "holds no certificate"), (b"x", "holds no cert")],
)
async def test_unusable_ca_file_is_told(tmp_path, content, why):
    path = tmp_path / "ca.pem"
    if content is not None:
        path.write_bytes(content)
    error = await refuses(me("localhost:1"), InvalidInput, ca_file=str(path))
    assert why in error.message
    assert str(path) in error.message


@pytest.mark.parametrize("key", ["127.0.0.1:{}", "localhost:{}", "[::1]:{}"])
async def test_refused_connection_is_told(key):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    error = await refuses(me(key.format(port)))
    assert "refuses the connection: nothing listens there" in error.message


@pytest.mark.parametrize("host", ["registry.example.com", "a..b.example.com", "x" * 300 + ".com"])
async def test_unknown_host_is_told(names, host):
    assert (await refuses(me(host))).message == f"no such host: {host}"


@pytest.mark.parametrize(("key", "why"), [("*.example.com", "a pattern"), ("a b", "cannot have")])
async def test_what_is_no_host_is_refused(key, why):
    assert why in (await refuses(me(key), InvalidRegistry)).message


async def test_proxy_is_used_but_not_for_this_machine(serve, names):
    through = await serve(accepts_basic)
    env = {"http_proxy": through.address, "NO_PROXY": "direct.example.com"}
    here = me("registry.example.com")
    assert (await registry.verify(here, plain_http=True, env=env)).asked
    hosts = [headers["Host"] for _, _, headers, _ in through.requests]
    assert hosts == ["registry.example.com"] * 2
    peer = await serve(accepts_basic)
    assert (await registry.verify(me(peer.address), env=env)).asked
    names["direct.example.com"] = ("127.0.0.1", peer.port)
    assert (await registry.verify(me("direct.example.com"), plain_http=True, env=env)).asked
    assert len(through.requests) == 2


async def test_proxy_of_this_process_is_used(serve, names, monkeypatch):
    through = await serve(accepts_basic)
    monkeypatch.setenv("HTTP_PROXY", f"http://{through.address}")
    monkeypatch.setenv("NO_PROXY", "")
    assert (await registry.verify(me("registry.example.com"), plain_http=True)).asked
    assert len(through.requests) == 2


async def test_proxy_that_fails_is_told(serve, names):
    async def no(request):
        return web.Response(status=403)

    through = await serve(no)
    for address in (f"http://{through.address}", "127.0.0.1:1"):
        error = await refuses(me("registry.example.com"), env={"HTTPS_PROXY": address})
        assert error.message == "the proxy for registry.example.com does not let us through"


async def test_proxy_that_does_not_exist_is_told(names):
    error = await refuses(
        me("registry.example.com"), env={"HTTPS_PROXY": "u:hunter2@proxy.invalid:3128"}
    )
    assert error.message == "the proxy for registry.example.com is not found"


async def test_proxy_that_cannot_be_used_is_told():
    env = {"HTTPS_PROXY": "socks5://u:hunter2@127.0.0.1:1"}
    error = await refuses(me("registry.example.com"), InvalidInput, env=env)
    assert error.message.startswith("the environment's HTTPS_PROXY is a SOCKS proxy")
    assert error.hint


async def test_port_that_no_host_has_is_told():
    await refuses(me("registry.example.com:99999"), InvalidRegistry, env={"HTTPS_PROXY": "p:1"})


@pytest.mark.parametrize(
    ("answer", "error", "message"),
    [
        (b"", RegistryUnreachable, "hangs up in the middle"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{}", RegistryUnreachable, "hangs up in the"),
        (b"SSH-2.0-OpenSSH_9\r\n", RegistryProtocolError, "something that is not HTTP"),
        (b"HTTP/1.1 200 OK\r\nX: " + b"x" * 99_999, RegistryProtocolError, "that is not HTTP"),
    ],
)
async def test_broken_answers_are_told(serve_bytes, answer, error, message):
    peer = await serve_bytes(answer)
    said = await refuses(me(peer.address), error, plain_http=True)
    assert said.message.startswith(f"{peer.address} ")
    assert message in said.message


@pytest.mark.parametrize(
    ("answer", "message"),
    [(b"\x15\x03\x01\x00\x02\x02\x28", "no TLS connection"), (b"", "cannot be reached")],
)
async def test_broken_tls_is_not_taken_for_plain_http(serve_bytes, answer, message):
    peer = await serve_bytes(answer)
    assert message in (await refuses(me(peer.address))).message


async def test_tls_where_plain_http_was_asked_for_is_told(serve, tls):
    peer = await serve(accepts_basic, tls("127.0.0.1"))
    error = await refuses(
        me(peer.address), (RegistryProtocolError, RegistryUnreachable), plain_http=True
    )
    assert peer.requests == []
    assert peer.address in error.message


async def test_web_page_is_no_registry(serve):
    async def page(request):
        return web.Response(text="<html>Welcome", content_type="text/html")

    async def quay(request):
        headers = {"Docker-Distribution-API-Version": "registry/2.0"}
        return web.Response(text="true", content_type="text/html", headers=headers)

    peer = await serve(page)
    assert "web page" in (await refuses(me(peer.address), RegistryProtocolError)).message
    assert peer.authorizations == [None]
    assert await registry.verify(me((await serve(quay)).address))


async def test_silence_ends_at_the_timeout(serve):
    async def silent(request):
        await asyncio.Event().wait()

    peer = await serve(silent)
    error = await refuses(me(peer.address), timeout=0.5)
    assert error.message == f"{peer.address} does not answer within 0.5 seconds"
    assert "--timeout" in error.hint


async def test_trickle_ends_at_the_timeout(serve):
    async def trickle(request):
        answer = web.StreamResponse(status=401, headers=CHALLENGE)
        await answer.prepare(request)
        while True:
            await answer.write(b" ")
            await asyncio.sleep(0.01)

    peer = await serve(trickle)
    assert "does not answer within" in (await refuses(me(peer.address), timeout=0.5)).message


async def test_endless_body_is_not_read_to_its_end(serve):
    sent = 0

    async def endless(request):
        nonlocal sent
        answer = web.StreamResponse()
        await answer.prepare(request)
        while sent < ENDLESS:
            await answer.write(b'{"token":' + b" " * 65536)
            sent += 65536
        return answer

    service = await serve(endless)
    peer = await serve(asks_for_token(f"http://{service.address}/token"))
    error = await refuses(me(peer.address), RegistryProtocolError)
    assert error.message == "127.0.0.1 answers without a token"
    # What the sockets between us held is in there too.
    assert sent < ENDLESS


@pytest.mark.parametrize("body", [b"", b"[" * 100_000, b"\xff", b"null", b'{"token":1}'])
async def test_answer_that_is_no_token_is_told(serve, body):
    async def rubbish(request):
        return web.Response(body=body, content_type="application/json")

    service = await serve(rubbish)
    peer = await serve(asks_for_token(f"http://{service.address}/token"))
    assert "without a token" in (await refuses(me(peer.address), RegistryProtocolError)).message


async def test_redirected_login_does_not_reach_the_other_host(serve):
    attacker = await serve(accepts_basic)

    async def redirects(request):
        if "Authorization" in request.headers:
            raise web.HTTPTemporaryRedirect(f"http://{attacker.address}{request.path_qs}")
        return await accepts_basic(request)

    peer = await serve(redirects)
    error = await refuses(me(peer.address), RegistryProtocolError)
    assert "must not get the password" in error.message
    assert attacker.requests == []


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_redirected_token_request_does_not_reach_the_other_host(serve, method):
    attacker = await serve(gives_token)

    async def redirects(request):
        if request.method == method:
            raise web.HTTPTemporaryRedirect(f"http://{attacker.address}/token")
        return web.Response(status=404)

    service = await serve(redirects)
    peer = await serve(asks_for_token(f"http://{service.address}/token"))
    await refuses(me(peer.address), RegistryProtocolError)
    assert attacker.requests == []


async def test_first_request_is_not_redirected_to_where_the_realm_could_be_anybodys(serve):
    attacker = await serve(asks_for_token("https://evil.example.com/token"))

    async def redirects(request):
        raise web.HTTPFound(f"http://{attacker.address}/v2/")

    peer = await serve(redirects)
    error = await refuses(me(peer.address), RegistryProtocolError)
    assert f"sends the login on to http://{attacker.address}" in error.message
    assert attacker.requests == []


async def test_any_text_is_no_registry(serve):
    async def greets(request):
        return web.Response(text="hello")

    peer = await serve(greets)
    error = await refuses(me(peer.address), RegistryProtocolError)
    assert "is no registry" in error.message


async def test_realm_in_clear_on_another_host_is_not_asked(serve, names, tls, ca_file):
    attacker = await serve(gives_token)
    names["evil.example.com"] = ("127.0.0.1", attacker.port)
    peer = await serve(asks_for_token("http://evil.example.com/token"), tls("127.0.0.1"))
    error = await refuses(me(peer.address), RegistryProtocolError, ca_file=ca_file)
    assert "in clear text" in error.message
    assert attacker.requests == []


async def test_name_that_resolves_to_a_metadata_service_is_not_asked(serve, names):
    names["auth.example.com"] = ("169.254.169.254", 0)
    peer = await serve(asks_for_token("https://auth.example.com/token"))
    error = await refuses(me(peer.address), RegistryProtocolError)
    assert error.message == (
        "127.0.0.1 leads to auth.example.com, an address that no registry may lead to"
    )


async def test_token_service_in_plain_http_is_told_apart_from_the_registry(serve, tls, ca_file):
    service = await serve(gives_token)
    for context in (None, tls("127.0.0.1")):
        peer = await serve(asks_for_token(f"https://{service.address}/token"), context)
        error = await refuses(me(peer.address), ca_file=ca_file)
        assert error.message == f"{service.address} speaks plain HTTP, not https"
        assert service.requests == []


async def test_attackers_never_learn_the_password(serve):
    attacker = await serve(open_to_all)
    for handler in (asks_for_token(f"//{attacker.address}@evil/"), asks_for_token("http://[")):
        peer = await serve(handler)
        await refuses(me(peer.address), RegistryRefused)
        assert not peer.knows_the_password()
    assert not attacker.knows_the_password()
