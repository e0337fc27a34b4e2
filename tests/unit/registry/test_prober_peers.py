"""`regcred.registry.prober` against peers that do what broken or hostile registries do.

Whatever they do: an answer with a reason, within the time given, from bounded memory, and no
password in the answer or with a peer that must not have it. The real registries are in
tests/integration/test_probe.py.
"""

import asyncio
import hashlib
import json
import logging
import socket
import ssl
import tracemalloc
from pathlib import Path

import pytest
from aiohttp import web

from regcred.core.credential import Credential, Password
from regcred.core.errors import InvalidInput
from regcred.core.logins.image import parse_image
from regcred.core.problem import Reason
from regcred.core.registry.imagemanifest import LARGEST, OCI_INDEX, OCI_MANIFEST
from regcred.core.registry.platform import Platform
from regcred.registry import prober
from regcred.registry.prober import Prober
from tests.support.peers import BASIC, PASSWORD

ME = Credential("", "me", Password(PASSWORD))
AMD64 = Platform("linux", "amd64")
MANIFEST = json.dumps({"config": {}, "layers": []}).encode()
MEGABYTE = 1024 * 1024


@pytest.fixture(autouse=True)
def no_chance(monkeypatch):
    """Pauses are the shortest."""
    monkeypatch.setattr(prober.random, "random", lambda: 0.0)


def digest(body):
    return f"sha256:{hashlib.sha256(body).hexdigest()}"


def manifest(body=MANIFEST, media_type=OCI_MANIFEST, **headers):
    headers = {"Content-Type": media_type, "Docker-Content-Digest": digest(body)} | headers
    return web.Response(body=body, headers=headers)


def challenge(value, status=401):
    return web.Response(status=status, headers={"WWW-Authenticate": value})


async def has_all(request):
    return manifest()


def behind_basic(handler):
    """A registry that lets one user in."""

    async def answer(request):
        if request.headers.get("Authorization") != BASIC:
            return challenge('Basic realm="r"')
        return await handler(request)

    return answer


def behind_token(handler, realm="/token", token=None):
    """A registry with a token service of its own."""

    async def answer(request):
        if request.path == "/token":
            if token is not None:
                return await token(request)
            if request.headers.get("Authorization") not in (BASIC, None):
                return web.Response(status=401)
            return web.json_response({"token": "t0k" + "x" * 9, "expires_in": 300})
        if request.headers.get("Authorization") != "Bearer t0kxxxxxxxxx":
            return challenge(f'Bearer realm="{realm}",service="s"')
        return await handler(request)

    return answer


async def probe_all(peer, names=("app",), credential=ME, platform=AMD64, **options):
    """Answers for several images of a peer."""
    host = peer if isinstance(peer, str) else peer.address
    options.setdefault("env", {})
    async with Prober(**options) as asking:
        images = [parse_image(f"{host}/{name}") for name in names]
        answers = await asyncio.gather(*(asking.probe(i, credential, platform) for i in images))
    assert "hunter2" not in repr(answers)
    assert BASIC.removeprefix("Basic ") not in repr(answers)
    return answers


async def probe(peer, name="app", **more):
    return (await probe_all(peer, (name,), **more))[0]


@pytest.fixture(autouse=True)
def no_leak(caplog, capsys):
    """No password in a log line or on the terminal, whatever a test does."""
    caplog.set_level(logging.DEBUG)
    yield
    printed = capsys.readouterr()
    assert "hunter2" not in caplog.text + printed.out + printed.err


@pytest.mark.parametrize("behind", [behind_basic, behind_token])
async def test_image_is_there(serve, behind):
    peer = await serve(behind(has_all))
    answer = await probe(peer)
    assert (answer.reason, answer.digest) == (Reason.OK, digest(MANIFEST))


async def test_many_images_share_tokens_and_connections(serve):
    peers = set()

    async def notes(request):
        peers.add(request.transport.get_extra_info("peername"))
        return manifest()

    peer = await serve(behind_token(notes))
    names = [f"team/app-{number}" for number in range(50)]
    answers = await probe_all(peer, names, concurrency=4)
    assert {answer.reason for answer in answers} == {Reason.OK}
    tokens = [path for _, path, _, _ in peer.requests if path.startswith("/token")]
    assert len(tokens) == 3
    # One that learns that tokens are wanted, one that HEAD is known, then one each.
    assert len(peer.requests) == len(tokens) + 2 + len(names)
    assert len(peers) <= 4


async def test_no_more_at_a_time_than_asked_for(serve):
    running = most = 0

    async def counts(request):
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0)
        running -= 1
        return manifest()

    peer = await serve(counts)
    await probe_all(peer, [f"app-{number}" for number in range(30)], concurrency=3)
    assert most <= 3


async def test_logins_do_not_mix(serve):
    peer = await serve(behind_basic(has_all))
    other = await serve(behind_basic(has_all))
    you = Credential("", "you", Password("other-pass"))
    async with Prober(env={}) as asking:
        answers = await asyncio.gather(
            asking.probe(parse_image(f"{peer.address}/app"), ME, AMD64),
            asking.probe(parse_image(f"{other.address}/app"), you, AMD64),
            asking.probe(parse_image(f"{peer.address}/app"), None, AMD64),
        )
    assert [a.reason for a in answers] == [Reason.OK, Reason.UNAUTHORIZED, Reason.UNAUTHORIZED]
    assert BASIC not in other.authorizations
    assert not other.knows_the_password()


async def test_wrong_password_is_not_shown_for_each_image(serve):
    peer = await serve(behind_basic(has_all))
    wrong = Credential("", "me", Password("wr0ng-password"))
    answers = await probe_all(peer, [f"app-{number}" for number in range(30)], credential=wrong)
    assert {answer.reason for answer in answers} == {Reason.UNAUTHORIZED}
    assert sum(a is not None for a in peer.authorizations) == 2


async def test_token_service_is_asked_again_where_it_refuses_many_scopes(serve):
    async def knows_one(request):
        if len(request.query.getall("scope", [])) > 1:
            return web.Response(status=400)
        return web.json_response({"token": "t0kxxxxxxxxx"})

    peer = await serve(behind_token(has_all, token=knows_one))
    answers = await probe_all(peer, ["a", "b", "c"])
    assert {answer.reason for answer in answers} == {Reason.OK}


async def test_identity_token(serve):
    async def refreshes(request):
        form = await request.post()
        good = form.get("grant_type") == "refresh_token" and form["refresh_token"] == PASSWORD
        return web.json_response({"access_token": "t0kxxxxxxxxx"} if good else {})

    peer = await serve(behind_token(has_all, token=refreshes))
    credential = Credential("", "", Password(PASSWORD))
    assert (await probe(peer, credential=credential)).reason == Reason.OK


async def test_nobody_gets_an_anonymous_token(serve):
    peer = await serve(behind_token(has_all))
    assert (await probe(peer, credential=None)).reason == Reason.OK
    assert peer.authorizations[1] is None


async def test_platforms_of_an_index(serve):
    body = json.dumps(
        {"manifests": [{"platform": {"os": "linux", "architecture": "arm64", "variant": "v8"}}]}
    ).encode()

    async def index(request):
        return manifest(body, OCI_INDEX)

    peer = await serve(index)
    answer = await probe(peer)
    assert (answer.reason, answer.platforms) == (Reason.PLATFORM_MISSING, ("linux/arm64",))
    answer = await probe(peer, platform=Platform.parse("linux/arm64/v8"))
    assert (answer.reason, answer.chosen) == (Reason.OK, "linux/arm64")


@pytest.mark.parametrize("status", [429, 503])
async def test_busy_registry_is_asked_again(serve, status):
    answered = 0

    async def busy_at_first(request):
        nonlocal answered
        answered += 1
        if answered < 3:
            return web.Response(status=status, headers={"Retry-After": "0"})
        return manifest()

    assert (await probe(await serve(busy_at_first))).reason == Reason.OK


async def test_busy_for_longer_than_there_is_time(serve):
    async def busy(request):
        return web.Response(status=429, headers={"Retry-After": "3600"})

    peer = await serve(busy)
    answers = await probe_all(peer, [f"app-{number}" for number in range(20)])
    assert {answer.reason for answer in answers} == {Reason.RATE_LIMITED}
    assert all(answer.hint.startswith("try again in 3") for answer in answers)
    assert len(peer.requests) == 1


async def endless(request):
    answer = web.StreamResponse(headers={"Content-Type": OCI_MANIFEST})
    await answer.prepare(request)
    if request.method == "GET":
        while True:
            await answer.write(b" " * 65536)
    return answer


async def huge(request):
    answer = web.StreamResponse(
        headers={"Content-Type": OCI_MANIFEST, "Content-Length": str(100 * MEGABYTE)}
    )
    await answer.prepare(request)
    if request.method == "GET":
        for _ in range(1600):
            await answer.write(b" " * 65536)
    return answer


async def huge_unsaid(request):
    return manifest() if request.method == "HEAD" else await huge(request)


async def endless_token(request):
    return await endless(request)


async def trickle(request):
    answer = web.StreamResponse(headers={"Content-Type": OCI_MANIFEST})
    await answer.prepare(request)
    if request.method == "GET":
        while True:
            await answer.write(b" ")
            await asyncio.sleep(0.01)
    return answer


async def silent(request):
    await asyncio.Event().wait()


async def page(request):
    return web.Response(text="<html>Log in, hunter2", content_type="text/html")


async def page_missing(request):
    return web.Response(text="<html>no hunter2-é", content_type="text/html", status=404)


async def wrong_type(request):
    return manifest(media_type="application/json")


async def reflecting_type(request):
    return manifest(media_type=f"application/{PASSWORD}")


async def other_body(request):
    return manifest() if request.method == "HEAD" else manifest(b'{"config":{}}')


async def circle(request):
    raise web.HTTPTemporaryRedirect(request.path_qs)


async def no_realm(request):
    return challenge('Bearer service="s"')


async def metadata_realm(request):
    return challenge('Bearer realm="http://169.254.169.254/latest/meta-data"')


async def metadata_redirect(request):
    raise web.HTTPTemporaryRedirect("http://169.254.169.254/latest")


async def no_token(request):
    return web.json_response({"access": PASSWORD})


async def deep(request):
    return manifest(b"[" * 1_000_000)


async def many(request):
    return manifest(b'{"manifests":[' + b"{}," * 1_000_000 + b"{}]}", OCI_INDEX)


async def reflecting_platforms(request):
    secret = request.headers["Authorization"].partition(" ")[2]
    said = {"os": f"hunter2-é {secret}", "architecture": "Hunter2-É"}
    return manifest(json.dumps({"manifests": [{"platform": said}]}).encode(), OCI_INDEX)


async def reflecting_error(request):
    secret = request.headers["Authorization"]
    said = [{"code": "DENIED", "message": f"{secret} is {PASSWORD}"}]
    return web.json_response({"errors": said}, status=403)


@pytest.mark.parametrize(
    ("handler", "reason", "said"),
    [
        (endless, Reason.NOT_FOUND, "larger than any manifest"),
        (huge, Reason.NOT_FOUND, f"{100 * MEGABYTE} bytes large"),
        (huge_unsaid, Reason.NOT_FOUND, "larger than any manifest"),
        (trickle, Reason.UNREACHABLE, "does not answer within 1 seconds"),
        (silent, Reason.UNREACHABLE, "does not answer within 1 seconds"),
        (page, Reason.UNREACHABLE, "answers with a web page"),
        (page_missing, Reason.UNREACHABLE, "answers with a web page"),
        (wrong_type, Reason.NOT_FOUND, "of the type 'application/json', which is no image's"),
        (reflecting_type, Reason.NOT_FOUND, "which is no image's"),
        (other_body, Reason.NOT_FOUND, "not what its digest says: it should be sha256:"),
        (circle, Reason.UNREACHABLE, "redirects in circles"),
        (no_realm, Reason.UNREACHABLE, "(no realm)"),
        (metadata_realm, Reason.UNREACHABLE, "no registry may lead to"),
        (metadata_redirect, Reason.UNREACHABLE, "no registry may lead to"),
        (behind_token(has_all, token=no_token), Reason.UNREACHABLE, "answers without a token"),
        (behind_token(has_all, token=page), Reason.UNREACHABLE, "answers without a token"),
        (behind_token(has_all, token=endless_token), Reason.UNREACHABLE, "without a token"),
        (behind_token(has_all, token=silent), Reason.UNREACHABLE, "does not answer within"),
        (deep, Reason.NOT_FOUND, "no JSON object"),
        (many, Reason.OK, "is there"),
        (behind_basic(reflecting_platforms), Reason.PLATFORM_MISSING, "only for ********"),
        (behind_token(reflecting_platforms), Reason.PLATFORM_MISSING, "only for ********"),
        (behind_basic(reflecting_error), Reason.FORBIDDEN, "DENIED Basic ********"),
        (behind_token(reflecting_error), Reason.FORBIDDEN, "DENIED Bearer ********"),
    ],
)
async def test_hostile_registry_gets_a_reason(serve, handler, reason, said):
    peer = await serve(handler)
    answer = await probe(peer, timeout=1.0)
    assert answer.reason == reason
    assert said in answer.message
    assert "t0kxxxxxxxxx" not in repr(answer)


@pytest.mark.parametrize(
    "handler", [endless, huge_unsaid, behind_token(has_all, token=endless_token)]
)
async def test_memory_is_bounded_whatever_is_sent(serve, handler):
    peer = await serve(handler)
    tracemalloc.start()
    try:
        await probe_all(peer, [f"app-{number}" for number in range(20)], concurrency=2)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    # Two at a time: what is read, its copy, and what the peer, in this process, writes.
    assert peak < 8 * LARGEST


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"SSH-2.0-OpenSSH_9\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"x" * 99_999,
        b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 99_999,
        b"HTTP/1.1 100 Continue\r\n\r\n" * 10_000,
        b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\n",
    ],
)
async def test_what_is_not_http_is_unreachable(serve_bytes, answer):
    peer = await serve_bytes(answer)
    got = await probe(peer, plain_http=[peer.address], timeout=2.0)
    assert got.reason in (Reason.UNREACHABLE, Reason.NOT_FOUND)
    assert got.message


async def test_redirects_carry_no_login_to_others(serve):
    store = await serve(has_all)

    async def sends_on(request):
        raise web.HTTPTemporaryRedirect(f"http://{store.address}{request.path_qs}")

    for behind in (behind_basic, behind_token):
        peer = await serve(behind(sends_on))
        assert (await probe(peer)).reason == Reason.OK
    assert store.requests
    assert set(store.authorizations) == {None}


async def test_others_that_ask_for_the_login_do_not_get_it(serve):
    thief = await serve(behind_basic(has_all))
    token_thief = await serve(behind_token(has_all))

    for there in (thief, token_thief):

        async def sends_on(request, there=there):
            raise web.HTTPTemporaryRedirect(f"http://{there.address}{request.path_qs}")

        answer = await probe(await serve(behind_basic(sends_on)))
        assert answer.reason == Reason.UNAUTHORIZED
        assert not there.knows_the_password()


async def test_realm_in_clear_elsewhere_gets_nothing(serve, names, tls, ca_file):
    thief = await serve(has_all)
    names["evil.example.com"] = ("127.0.0.1", thief.port)
    peer = await serve(
        behind_token(has_all, realm="http://evil.example.com/token"), tls("127.0.0.1")
    )
    answer = await probe(peer, ca_file=ca_file)
    assert answer.reason == Reason.UNREACHABLE
    assert "in clear text" in answer.message
    assert thief.requests == []


async def test_name_that_resolves_to_a_metadata_service_is_not_asked(serve, names):
    names["auth.example.com"] = ("169.254.169.254", 0)
    peer = await serve(behind_token(has_all, realm="https://auth.example.com/token"))
    answer = await probe(peer)
    assert answer.reason == Reason.UNREACHABLE
    assert "no registry may lead to" in answer.message


@pytest.mark.parametrize("by", ["realm", "redirect"])
async def test_name_of_this_machine_is_not_asked_for_a_registry_elsewhere(serve, names, by):
    inside = await serve(has_all)
    names["inside.example.com"] = ("127.0.0.1", inside.port)
    names["localhost.example.com"] = ("::ffff:127.0.0.1", inside.port)

    async def leads_there(request):
        url = f"http://{there}/"
        if by == "redirect":
            raise web.HTTPTemporaryRedirect(url)
        return challenge(f'Bearer realm="{url}",service="s"')

    # Elsewhere is behind a proxy: here nobody knows its address.
    names["proxy.example.com"] = ("127.0.0.1", (await serve(leads_there)).port)
    direct = "inside.example.com,localhost.example.com"
    env = {"HTTP_PROXY": "http://proxy.example.com", "NO_PROXY": direct}
    for there in ("inside.example.com", "localhost.example.com"):
        answer = await probe(
            "registry.example.com", credential=None, plain_http=["registry.example.com"], env=env
        )
        assert answer.reason == Reason.UNREACHABLE
        assert answer.message == (
            f"registry.example.com leads to {there}, an address that no registry may lead to"
        )
    assert inside.requests == []


async def test_registry_on_this_machine_leads_to_others_there_whatever_their_names(serve, names):
    store = await serve(has_all)

    async def sends_on(request):
        raise web.HTTPTemporaryRedirect(f"http://store.example.com{request.path_qs}")

    peer = await serve(sends_on)
    names["store.example.com"] = ("127.0.0.1", store.port)
    names["registry.example.com"] = ("127.0.0.1", peer.port)
    assert (await probe(peer)).reason == Reason.OK
    answer = await probe("registry.example.com", plain_http=["registry.example.com"])
    assert answer.reason == Reason.OK


async def test_address_in_a_spelling_of_old_is_not_asked(serve):
    async def sends_on(request):
        return web.Response(status=307, headers={"Location": "http://2852039166/"})

    answer = await probe(await serve(sends_on))
    assert answer.reason == Reason.UNREACHABLE
    assert answer.message.startswith("2852039166 cannot be asked: it is neither a name nor")


async def test_plain_http_is_for_this_machine_or_on_request(serve, names):
    peer = await serve(behind_basic(has_all))
    names["registry.example.com"] = ("127.0.0.1", peer.port)
    host = f"registry.example.com:{peer.port}"
    answers = await probe_all(host, ["a", "b", "c"])
    assert {answer.message for answer in answers} == {f"{host} speaks plain HTTP, not https"}
    assert answers[0].hint.endswith(f"--plain-http {host}")
    assert peer.requests == []
    assert (await probe(host, plain_http=[host])).reason == Reason.OK


async def test_token_service_in_plain_http_is_not_the_registry(serve, tls, ca_file):
    service = await serve(has_all)
    peer = await serve(behind_token(has_all, realm=f"https://{service.address}/token"))
    answer = await probe(peer)
    assert answer.message.startswith(f"{service.address} speaks plain HTTP, not https (the token ")
    assert service.requests == []


async def test_who_led_to_a_host_that_nobody_wrote_is_said(serve, names):
    peer = await serve(behind_token(has_all, realm="http://127.0.0.1:1/token"))
    answer = await probe(peer)
    assert answer.message == (
        "127.0.0.1:1 refuses the connection: nothing listens there "
        f"(the token server that {peer.address} names)"
    )
    assert answer.hint == f"is {peer.address} set up right? it says so to every client"
    answer = await probe("docker.io")
    assert answer.message == "no such host: registry-1.docker.io (Docker Hub)"
    assert "Internet" in answer.hint


async def test_two_logins_find_plain_http_at_the_same_time(serve):
    peer = await serve(behind_basic(has_all))
    you = Credential("", "you", Password("other-pass"))
    async with Prober(env={}) as asking:
        image = parse_image(f"{peer.address}/app")
        answers = await asyncio.gather(*(asking.probe(image, who, AMD64) for who in (ME, you)))
    assert [answer.reason for answer in answers] == [Reason.OK, Reason.UNAUTHORIZED]


async def test_where_nothing_answers_one_image_finds_out(names):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    answers = await probe_all(f"127.0.0.1:{port}", [f"app-{number}" for number in range(20)])
    assert {answer.reason for answer in answers} == {Reason.UNREACHABLE}
    assert "refuses the connection" in answers[-1].message
    answer = await probe("registry.example.com")
    assert answer.message == "no such host: registry.example.com"


async def test_registry_that_falls_silent_is_given_up(serve):
    async def silent_after_one(request):
        if len(peer.requests) > 2:
            await silent(request)
        return manifest()

    peer = await serve(silent_after_one)
    answers = await probe_all(
        peer, [f"app-{number}" for number in range(60)], timeout=0.5, concurrency=2
    )
    assert answers[0].reason == Reason.OK
    assert {answer.reason for answer in answers[1:]} == {Reason.UNREACHABLE}
    assert len(peer.requests) < 10


@pytest.mark.parametrize("concurrency", [1, 2])
async def test_registry_that_only_fails_is_given_up(serve, concurrency):
    async def fails(request):
        return web.Response(status=501)

    peer = await serve(fails)
    names = [f"app-{number}" for number in range(60)]
    answers = await probe_all(peer, names, concurrency=concurrency)
    assert {answer.reason for answer in answers} == {Reason.UNREACHABLE}
    assert {answer.message for answer in answers} == {
        f"{peer.address} answers with HTTP status 501"
    }
    assert len(peer.requests) < 10


@pytest.mark.parametrize("concurrency", [1, 2])
async def test_registry_that_fails_for_two_images_is_asked_for_the_others(serve, concurrency):
    bad = ("app-1/", "app-2/")

    async def fails(request):
        is_bad = any(name in request.path for name in bad)
        return web.Response(status=501) if is_bad else manifest()

    peer = await serve(fails)
    names = [f"app-{number}" for number in range(9)]
    answers = await probe_all(peer, names, concurrency=concurrency)
    assert [answer.reason == Reason.OK for answer in answers] == [n not in (1, 2) for n in range(9)]


async def test_certificate_that_is_not_trusted(serve, tls, ca_file):
    peer = await serve(has_all, tls("127.0.0.1"))
    answer = await probe(peer)
    assert answer.reason == Reason.UNREACHABLE
    assert "not trusted" in answer.message
    assert (await probe(peer, ca_file=ca_file)).reason == Reason.OK


async def test_proxy_that_cannot_be_used_is_an_answer():
    env = {"HTTPS_PROXY": "socks5://u:hunter2@127.0.0.1:1"}
    answer = await probe("registry.example.com", env=env)
    assert answer.reason == Reason.UNREACHABLE
    assert "SOCKS" in answer.message


async def test_port_that_no_host_has_is_an_answer():
    assert (await probe("registry.example.com:99999")).reason == Reason.BAD_REFERENCE


def write(folder, host, files):
    place = folder / host
    place.mkdir()
    for name, content in files.items():
        (place / name).write_text(content)
    return str(folder)


def read(file):
    return Path(file).read_text()


async def test_certs_d_says_which_ca(serve, tls, ca_file, tmp_path):
    peer = await serve(has_all, tls("127.0.0.1"))
    ca = f'ca = "{ca_file}"\n[host."https://mirror.example.com"]\n'
    folder = write(tmp_path, f"127.0.0.1_{peer.port}_", {"hosts.toml": ca})
    assert (await probe(peer, certs_dir=folder)).reason == Reason.OK
    async with Prober(certs_dir=folder, env={}) as asking:
        image = parse_image(f"{peer.address}/app")
        assert asking.mirrors(image) == ("https://mirror.example.com",)
        assert asking.mirrors(parse_image("elsewhere.example.com/app")) == ()
    async with Prober(env={}) as asking:
        assert asking.mirrors(image) == ()


@pytest.fixture
def wants_certificate(tls, ca_file):
    """The server's side of TLS for clients that show a certificate."""
    context = tls("127.0.0.1")
    context.load_verify_locations(cafile=ca_file)
    context.verify_mode = ssl.CERT_REQUIRED
    return context


async def test_certs_d_gives_a_client_certificate(
    serve, wants_certificate, authority, ca_file, tmp_path
):
    peer = await serve(has_all, wants_certificate)
    client = authority.client("someone", "someone")
    ca = f'ca = "{ca_file}"\n'
    pair = f'client = [["{client.certificate}", "{client.key}"]]\n'
    folder = write(tmp_path, peer.address, {"hosts.toml": ca + pair})
    assert (await probe(peer, certs_dir=folder)).reason == Reason.OK
    (tmp_path / peer.address / "hosts.toml").write_text(ca)
    assert (await probe(peer, certs_dir=folder)).reason == Reason.UNREACHABLE


async def test_certs_d_as_docker_has_it(serve, wants_certificate, authority, ca_file, tmp_path):
    peer = await serve(has_all, wants_certificate)
    client = authority.client("someone", "someone")
    files = {"ca.crt": ca_file, "me.cert": client.certificate, "me.key": client.key}
    folder = write(tmp_path, peer.address, {name: read(file) for name, file in files.items()})
    assert (await probe(peer, certs_dir=folder)).reason == Reason.OK


async def test_certs_d_trusts_anybody_on_request(serve, tls, tmp_path):
    peer = await serve(behind_basic(has_all), tls("other.example.com"))
    folder = write(tmp_path, peer.address, {"hosts.toml": "skip_verify = true"})
    assert (await probe(peer, certs_dir=folder)).reason == Reason.OK


async def test_certs_d_says_where_the_registry_is(serve, tmp_path, names):
    peer = await serve(has_all)
    folder = write(
        tmp_path, "registry.example.com", {"hosts.toml": f'server = "http://{peer.address}/sub"'}
    )
    assert (await probe("registry.example.com", certs_dir=folder)).reason == Reason.OK
    assert peer.requests[0][1] == "/sub/v2/app/manifests/latest?ns=registry.example.com"


@pytest.mark.parametrize(
    ("files", "why"),
    [
        ({"hosts.toml": "ca = "}, "it is not TOML"),
        ({"hosts.toml": 'ca = "missing.crt"'}, "cannot read the CA file"),
        ({"ca.crt": "x"}, "holds no certificate"),
        ({"c.cert": "x"}, "they are no PEM pair"),
        ({"hosts.toml": 'client = "missing"'}, "No such file"),
    ],
)
async def test_certs_d_that_cannot_be_used_is_no_answer(tmp_path, files, why):
    folder = write(tmp_path, "registry.example.com", files)
    with pytest.raises(InvalidInput, match=why) as caught:
        await probe("registry.example.com", certs_dir=folder)
    assert str(tmp_path) in caught.value.message


def test_certs_d_must_be_a_folder(tmp_path):
    with pytest.raises(InvalidInput, match="is no folder"):
        Prober(certs_dir=str(tmp_path / "missing"))


def test_ca_file_must_be_one(tmp_path):
    with pytest.raises(InvalidInput, match="cannot read the CA file"):
        Prober(ca_file=str(tmp_path / "missing"))
