"""Providers that repeat in an error whatever they were sent, as careless ones and proxies do.

The secrets are of letters and blanks, so that nothing can tell them from words by their looks. The
watch of `conftest` looks through all that comes of it.
"""

import base64
import contextlib
import itertools
import json
from urllib.parse import parse_qsl

import pytest
from aiohttp import web

from regcred import minters
from regcred.core.errors import MintFailed
from tests.support.providers import aws, google
from tests.support.providers.google import Account
from tests.support.providers.oidc import a_key
from tests.support.providers.programs import Programs
from tests.support.secrecy import is_secret
from tests.unit.minters.test_github import pem

WORDS = "Correct-Horse.Battery_Staple"
STATUSES = (200, 201, 400, 401, 403, 404, 422, 429)
#: Where providers have their words.
_NAMES = ("message", "error", "error_description", "error_message", "detail", "details", "Message")
SHAPES = {
    "flat": lambda said: dict.fromkeys(_NAMES, said),
    "error": lambda said: {"error": {"message": said, "status": said}},
    "errors": lambda said: {"errors": [{"code": said, "message": said}]},
    "oauth": lambda said: {
        "error": "invalid_grant",
        "error_description": f"AADSTS7000215: {said}",
        "error_codes": [7000215],
    },
    "aws": lambda said: {"__type": "AccessDeniedException", "message": said},
    "code": lambda said: {"__type": said, "message": said, "error": said},
    "text": lambda said: said,
    "xml": lambda said: (
        f'<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><Error><Code>AccessDenied'
        f"</Code><Message><![CDATA[{said}]]></Message></Error></ErrorResponse>"
    ),
}
#: Kind → shapes of errors that it looks into, parts of its requests that are secret, and statuses.
ECHOED = {
    "gitlab": (("flat", "text"), ("headers", "values"), STATUSES),
    "harbor": (("errors", "text"), ("headers", "values", "login", "password"), STATUSES),
    "quay": (("flat", "text"), ("headers", "values", "login", "password"), STATUSES),
    "githubApp": (("flat",), ("values",), STATUSES),
    "dockerHub": (("flat", "text"), ("headers", "values", "login", "password"), STATUSES),
    "acr": (("errors", "oauth", "flat"), ("body", "fields"), STATUSES),
    # Loading and signing take long.
    "ecr": (("aws", "code", "xml"), ("values", "body", "fields"), (403,)),
    "googleArtifactRegistry": (("error", "oauth"), ("body", "fields"), (400, 403)),
}
_LOOPBACK = "LOOPBACK"
_REF, _ACCOUNT = {"name": "login"}, {"serviceAccount": "puller"}
_LOGIN = {"username": "puller", "password": WORDS}
_KEYS = {"access-key-id": "AKIAEXAMPLEEXAMPLE00", "secret-access-key": WORDS}
_AZURE = {"tenantId": "some-tenant", "clientId": "some-client"}
_PROVIDER = f"https://iam.googleapis.com/{google.PROVIDER}"
_ECR = "123456789012.dkr.ecr.eu-west-1.amazonaws.com"

#: Kind, registry, settings, what is in the Secret.
SOURCES = {
    "gitlab": ("gitlab", "a.example.com", {"project": "a/b", "url": _LOOPBACK}, {"token": WORDS}),
    "harbor": ("harbor", "a.example.com", {"projects": ["a"], "url": _LOOPBACK}, _LOGIN),
    "quay": ("quay", "quay.io", {"robot": "a+b", "url": _LOOPBACK}, {"token": WORDS}),
    "quay-keyless": (
        "quay",
        "quay.io",
        {"robot": "a+b", "url": _LOOPBACK, "identity": _ACCOUNT},
        None,
    ),
    "github": (
        "githubApp",
        "ghcr.io/a",
        {"appId": 1, "url": _LOOPBACK},
        {"private-key.pem": pem(a_key("github"))},
    ),
    "github-installation": (
        "githubApp",
        "ghcr.io/a",
        {"appId": 1, "installationId": 2, "url": _LOOPBACK},
        {"private-key.pem": pem(a_key("github"))},
    ),
    "dockerhub": ("dockerHub", "docker.io", {"username": "me"}, {"token": WORDS}),
    "acr": ("acr", "team.azurecr.io", _AZURE, {"client-secret": WORDS}),
    "acr-keyless": ("acr", "team.azurecr.io", _AZURE | {"identity": _ACCOUNT}, None),
    "ecr": ("ecr", _ECR, {}, _KEYS),
    "ecr-session": ("ecr", _ECR, {}, _KEYS | {"session-token": WORDS[::-1]}),
    "ecr-role": ("ecr", _ECR, {"roleArn": aws.PULLER}, _KEYS),
    "ecr-keyless": ("ecr", _ECR, {"roleArn": aws.PULLER, "identity": _ACCOUNT}, None),
    "google": ("googleArtifactRegistry", "eu.gcr.io", {}, "a key"),
    "google-keyless": (
        "googleArtifactRegistry",
        "eu.gcr.io",
        {"identity": _ACCOUNT | {"audience": _PROVIDER}},
        None,
    ),
}
_HOSTS = (
    *(*aws.HOSTS, *google.HOSTS, "auth.docker.io", "registry-1.docker.io"),
    *("login.microsoftonline.com", "team.azurecr.io"),
)


@pytest.fixture
def echo(start, dns, monkeypatch):
    """Every provider; set its ``status`` and ``shape``, and the ``part`` that it repeats."""

    class Echo:
        status, shape, part = 400, SHAPES["flat"], "values"

    async def answer(request):
        said = Echo.shape((await _repeated(request))[Echo.part])
        text = said if isinstance(said, str) else json.dumps(said)
        kind = "application/json" if isinstance(said, dict) else "text/plain"
        return web.Response(status=Echo.status, text=text, content_type=kind)

    app = web.Application()
    app.router.add_route("*", "/{rest:.*}", answer)
    Echo.served = start(app, *_HOSTS, "127.0.0.1")
    dns.update(dict.fromkeys(_HOSTS, Echo.served.port))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    return Echo


async def _repeated(request):
    """What was sent that is secret, in turn as it was and without what tells that it is one."""
    shown = {name: value for name, value in request.headers.items() if is_secret(name)}
    body = (await request.read()).decode()
    bare = [value.rpartition(" ")[2] for value in shown.values()]
    scheme, _, pair = shown.get("Authorization", "").partition(" ")
    login = base64.b64decode(pair).decode() if scheme == "Basic" else ""
    fields = [value for name, value in parse_qsl(body) if is_secret(name)]
    return {
        "headers": f"{shown}",
        "values": " and ".join(bare),
        "login": login,
        "password": login.partition(":")[2],
        "body": body,
        "fields": " and ".join(fields),
    }


@pytest.mark.parametrize(("kind", "registry", "settings", "data"), SOURCES.values(), ids=SOURCES)
async def test_what_a_provider_repeats_is_not_repeated(
    echo, desk, issuer, kind, registry, settings, data
):
    if data == "a key":
        data = {"key.json": json.dumps(KEY)}
    if data is not None:
        settings = settings | {"secretRef": _REF}
    if "url" in settings:
        settings = settings | {"url": echo.served.url}
    made = await desk(registry, secrets={"login": data or {}}, identity=issuer)
    minter = minters.load(kind)
    for shape, part, echo.status in itertools.product(*ECHOED[kind]):
        echo.shape, echo.part = SHAPES[shape], part
        for work in _works(minter, settings, made):
            with contextlib.suppress(MintFailed):
                await work
    assert echo.served.requests


KEY = Account("puller@images.iam.gserviceaccount.com").key_file()


def _works(minter, settings, made):
    yield minter.mint(settings, made)
    if minters.revoker(minter):
        yield minter.revoke(settings, made, "")


@pytest.mark.parametrize("protocol", ["CredentialHelper", "CredentialProvider"])
@pytest.mark.parametrize(
    "script",
    ["env >&2; cat >&2; exit 3", "env; cat; exit 3", "env; cat", 'echo "{\\"a\\": \\"$TOKEN\\"}"'],
)
async def test_what_a_program_repeats_is_not_repeated(tmp_path, desk, protocol, script):
    Programs(tmp_path).script("docker-credential-x", script)
    env = {
        "REGCRED_EXEC_PATH": str(tmp_path),
        "REGCRED_EXEC_ENV": "*",
        "PATH": "/usr/bin:/bin",
        "TOKEN": WORDS,
        "HTTPS_PROXY": f"http://me:{WORDS[::-1]}@proxy.example.com",
    }
    settings = {"command": "docker-credential-x", "protocol": protocol, "passEnv": ["TOKEN"]}
    with pytest.raises(MintFailed):
        await minters.load("exec").mint(settings, await desk("a.example.com", env=env))
