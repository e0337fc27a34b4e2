"""Targets for what registries say: answers of the token flow and of a pull, manifests of images."""

from __future__ import annotations

import json
import re
from contextlib import suppress
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from regcred.core.credential import Credential, Password
from regcred.core.errors import RegcredError, RegistryRefused
from regcred.core.formats.redact import one_line
from regcred.core.logins.image import parse_image
from regcred.core.problem import Reason
from regcred.core.registry import hostsconfig, imagemanifest, peers, pullflow, registryjson
from regcred.core.registry.access import Access
from regcred.core.registry.httpmessage import Response
from regcred.core.registry.platform import Platform
from regcred.core.registry.pullflow import Renewal
from regcred.core.registry.tokenflow import authenticate
from tests.fuzz.target import CANARY, MOST_SAID, refusing, target, text_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from regcred.core.registry.httpmessage import Request

_HOST = "registry.example.com"
_ME = Credential(_HOST, "me", Password(f"{CANARY}-password"))
_TOKEN = f"{CANARY}-token"
#: No flow asks more often than that, whatever it is told.
_MOST_REQUESTS = 60
_WORDS = (
    '200 401 403 404 405 307 429 500 Basic Bearer realm="https://auth.example.com/t" scope= '
    "https://evil.example.com/ http://registry.example.com/ //evil.example.com/ /v2/ "
    "http://169.254.169.254/ application/vnd.oci.image.index.v1+json text/html "
    '{"token":"hunter2-token"} {"errors":[{"code":"DENIED"}]} hunter2-password'
)


def responses(text: str) -> Iterator[Response]:
    """One for each line: status, challenge, location, type, digest, body; parted by tabs."""
    for line in text.split("\n")[:_MOST_REQUESTS]:
        status, asks, location, kind, digest, body = (line.split("\t") + [""] * 6)[:6]
        number = int(status) if re.fullmatch("[1-5][0-9][0-9]", status) else 200
        content = body.encode("utf-8", "surrogateescape")
        said = None
        with suppress(ValueError, RecursionError):
            said = json.loads(content)
        yield Response(
            number,
            [asks] if asks else [],
            location,
            kind.startswith("text/html"),
            said,
            content_type=kind,
            digest=digest,
            retry_after=location,
            body=content,
        )


def _secrets(request: Request) -> str:
    carried = (request.authorization or Password("")).reveal() + text_of(request.form or b"")
    return carried if CANARY in carried or "Basic" in carried else ""


def _check(request: Request, answered: int) -> None:
    """A request goes to no metadata service, and secrets only where they may."""
    assert answered < _MOST_REQUESTS, "it asks without end"
    scheme, host, _ = peers.origin(request.url)
    assert not peers.is_off_limits(host)
    assert "\n" not in request.url
    carried = _secrets(request)
    if carried:
        assert scheme == "https", "a secret in clear"
        if carried.startswith("Bearer"):
            assert urlsplit(request.url).netloc.lower().removesuffix(":443") == _HOST


@target("login", words=_WORDS)
def login(data: bytes) -> None:
    """A login sends passwords by https alone and tokens to the registry alone, and it ends."""
    flow = authenticate(f"https://{_HOST}", _ME)
    answered = 0
    with refusing(RegistryRefused, secret=_ME.password.reveal()):
        try:
            request = next(flow)
            for response in responses(text_of(data)):
                _check(request, answered)
                answered += 1
                request = flow.send(response)
        except StopIteration:
            return
    flow.close()


@target("pull", words=_WORDS)
def pull(data: bytes) -> None:
    """A question about an image ends in an answer that shows no secret, and leaks none."""
    access = Access(f"https://{_HOST}", _ME)
    image = parse_image(f"{_HOST}/team/app:1")
    flow = pullflow.probe(image, access, Platform("linux", "amd64"), 0.0)
    answers = responses(text_of(data))
    answered = 0

    def drive(part):  # type: ignore[no-untyped-def]
        nonlocal answered
        reply = None
        while True:
            try:
                step = part.send(reply)
            except StopIteration as done:
                return done.value
            if isinstance(step, Renewal):
                reply = drive(access.renew(step.scope, step.answer, step.refused, 0.0))
            else:
                _check(step, answered)
                answered += 1
                reply = next(answers, Response(404))

    try:
        answer = drive(flow)
    except RegcredError as error:
        answer = pullflow.failed(error)
    answer = answer.without(access.login.secrets())
    assert isinstance(answer.reason, Reason)
    assert _ME.password.reveal() not in repr(answer)
    assert len(answer.message) + len(answer.hint) <= MOST_SAID


@target(
    "registry-json",
    words='"token": "access_token": "expires_in": "issued_at": "errors": [{ "code": 1e999 NaN true',
)
def registry_json(data: bytes) -> None:
    """A token is fit for a header and lives for a while; what is said of an error is one line."""
    try:
        body = json.loads(data)
    except (ValueError, RecursionError):
        return
    found = registryjson.read_token(body)
    if found:
        assert re.fullmatch(r"[\x21-\x7e]+", found.value.reveal())
        assert 0 < found.lifetime < float("inf")
        assert found.issued_at is None or found.issued_at.tzinfo
        assert repr(found.value) == repr(Password("other"))
    registryjson.error_codes(body)
    said = one_line(registryjson.error_text(body), hide=[CANARY])
    assert len(said) <= 200
    assert said.isprintable()
    assert CANARY not in said


@target(
    "image-manifest",
    words='"config":{} "layers":[] "manifests":[ {"platform":{"os":"linux","architecture":"amd64"}}'
    ' "mediaType": "fsLayers":[1] "variant":"v8" null',
)
def image_manifest(data: bytes) -> None:
    """No body is both an image and an index (CVE-2021-41190), and what it offers has names."""
    taken = {}
    for kind in (*imagemanifest.MANIFESTS, *imagemanifest.INDEXES):
        with suppress(imagemanifest.NoImage):
            taken[kind] = imagemanifest.read(data, kind)
    assert not (taken.keys() & imagemanifest.MANIFESTS and taken.keys() & imagemanifest.INDEXES)
    for offered in taken.values():
        assert len(offered) <= imagemanifest.MOST_PLATFORMS
        for platform, spelled in offered.items():
            assert platform is None or platform.os != "unknown"
            assert imagemanifest.name_of(spelled).isprintable()
    with refusing(imagemanifest.NoImage):
        imagemanifest.check_kind(text_of(data))


@target(
    "hosts-toml",
    words='server= [host."https://r"] ca= client=[["a","b"]] skip_verify=true override_path=true '
    "capabilities= = [ ] [[ { } 1 2026-01-01",
    pumped=(("", "a=1\n", ""), ("", "[a]\n", ""), ("a=", "[", ""), ('server="', "/", '"')),
)
def hosts_toml(data: bytes) -> None:
    """Settings of a node are refused in a sentence, or lead to one host by http or https."""
    with refusing(hostsconfig.BadHosts):
        found = hostsconfig.parse(text_of(data), "r.example.com")
    if found.server:
        scheme, host, _ = peers.origin(found.server)
        assert scheme in ("http", "https")
        assert host
    assert all(
        isinstance(name, str) for name in (*found.ca, *(n for c in found.clients for n in c))
    )
    assert all(isinstance(host, str) for host in found.mirrors)
    assert isinstance(found.skip_verify, bool)
