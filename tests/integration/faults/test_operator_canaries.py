"""Nothing that an operator writes holds a credential, in whatever form; only the Secrets do.

Every credential of these tests is marked. Looked through is all that comes out of the process:
log lines of every level, tracebacks, metrics and health, Events, statuses, marks on objects, and
what other users of the machine see of it and of its children.
"""

from __future__ import annotations

import base64
import json
import secrets
from pathlib import Path

import pytest
import yaml

from tests.support.faults import Answer, both, writes
from tests.support.faultyproxy import FaultyProxy
from tests.support.operatorworld import PULLCREDENTIALS, REGISTRY

SOLO = ("--no-leader-elect", "--log-level=debug")


class Canary:
    """A word that is nowhere else, and all the forms in which it could get out.

    It is of hex digits, so neither URLs nor JSON write it in another way; what is around it is not.
    """

    def __init__(self):
        self.word = secrets.token_hex(12)
        self.password = f"+/%&='\\\"ü {self.word} <>?#+/"
        once = set(_encoded(self.word))
        self._forms = {self.word, *once, *(form for each in once for form in _encoded(each))}

    def found_in(self, text):
        return any(form in text for form in self._forms)


def _encoded(text):
    """What stays the same of its base64, whatever stands before and after it."""
    for before in range(3):
        encoded = base64.b64encode(b"\0" * before + text.encode() + b"\0" * 3).decode()
        first = (before * 8 + 5) // 6
        yield encoded[first : (before + len(text)) * 8 // 6]


CANARY = Canary()


@pytest.mark.parametrize("before", ["", "a", "ab", "user:"])
def test_the_canary_is_found(before):
    text = f"{before}{CANARY.password}{before}".encode()
    once = base64.b64encode(text)
    twice = base64.b64encode(b'{"auth": "' + once + b'"}')
    for form in (text, once, twice, base64.urlsafe_b64encode(before.encode() + once)):
        assert CANARY.found_in(form.decode())
    assert not CANARY.found_in(base64.b64encode(secrets.token_bytes(300)).decode())


def config(entry):
    return {"config.json": json.dumps({"auths": {REGISTRY: entry}})}


def encoded(text):
    return base64.b64encode(text.encode()).decode()


WORD, PASSWORD = CANARY.word, CANARY.password
KEY = {"type": "service_account", "private_key": PASSWORD, "client_email": "a@b.example"}
#: Kind of source and what is in its Secret.
SOURCES = {
    "basic": ("basic", {"username": "puller", "password": PASSWORD}),
    "basic-no-user": ("basic", {"password": PASSWORD}),
    "basic-no-password": ("basic", {"username": "puller", "passwd": PASSWORD}),
    "basic-colon": ("basic", {"username": f"puller:{PASSWORD}", "password": PASSWORD}),
    "basic-line": ("basic", {"username": "puller", "password": f"{PASSWORD}\n\n"}),
    "basic-bytes": ("basic", {"username": "puller", "password": PASSWORD.encode() + b"\xff\xfe"}),
    "config": ("dockerConfig", config({"username": "puller", "password": PASSWORD})),
    "config-auth": ("dockerConfig", config({"auth": encoded(f"puller:{PASSWORD}")})),
    "config-no-colon": ("dockerConfig", config({"auth": encoded(PASSWORD)})),
    "config-not-base64": ("dockerConfig", config({"auth": PASSWORD})),
    "config-list": ("dockerConfig", config([PASSWORD])),
    "config-word": ("dockerConfig", config(PASSWORD)),
    "config-number": ("dockerConfig", config({"password": {"a": PASSWORD}})),
    "config-cut": ("dockerConfig", {"config.json": f'{{"auths": {{"a": {{"auth": "{WORD}'}),
    "config-text": ("dockerConfig", {"config.json": PASSWORD}),
    "config-other": (
        "dockerConfig",
        {"config.json": json.dumps({"auths": {f"https://puller:{WORD}@b.example": {}}})},
    ),
    "config-token": ("dockerConfig", config({"identitytoken": PASSWORD})),
    "google": ("googleServiceAccount", {"key.json": json.dumps(KEY)}),
    "google-cut": ("googleServiceAccount", {"key.json": json.dumps(KEY)[:-20]}),
    "google-word": ("googleServiceAccount", {"key.json": json.dumps(PASSWORD)}),
    "google-other": ("googleServiceAccount", {"key.json": json.dumps(KEY | {"type": PASSWORD})}),
}


def put(world, name, kind, data):
    """A source, and a PullCredential of it."""
    content = {
        key: base64.b64encode(value if isinstance(value, bytes) else value.encode()).decode()
        for key, value in data.items()
    }
    world.put_source_data(name, content)
    ref = {"name": world.full(name)}
    if kind == "dockerConfig":
        ref["key"] = "config.json"
    world.put_pullcredential(name, source={kind: {"secretRef": ref}})


@pytest.fixture
def proxy(installation):
    with FaultyProxy(installation.kubeconfig) as proxy:
        yield proxy


@pytest.fixture
def token(installation):
    """The operator's own, which is a credential too."""
    (user,) = yaml.safe_load(installation.kubeconfig.read_text())["users"]
    return user["user"]["token"]


def written_by(operator, world):
    """What → all that came out of it."""
    api = world.installation.cluster.api
    texts = {f"page {path}": operator.get(path)[1] for path in ("/metrics", "/healthz", "/readyz")}
    texts |= {f"log {n}": json.dumps(line) for n, line in enumerate(operator.lines)}
    for path in ("/apis/events.k8s.io/v1/events", PULLCREDENTIALS):
        texts[path] = api.request("GET", path)[1].decode()
    for path in ("/api/v1/secrets", "/api/v1/serviceaccounts", "/api/v1/namespaces"):
        for obj in json.loads(api.request("GET", path)[1])["items"]:
            texts[f"{path} {obj['metadata']['name']}"] = json.dumps(obj["metadata"])
    for pid in (operator.pid, *children(operator.pid)):
        for file in ("cmdline", "environ"):
            texts[f"/proc/{pid}/{file}"] = Path(f"/proc/{pid}/{file}").read_text(errors="replace")
    return texts


def children(pid):
    return [int(each) for each in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def leaks(texts, token):
    return [what for what, text in texts.items() if CANARY.found_in(text) or token in text]


def test_sources_good_and_bad(installation, operator_world, token):
    world = operator_world(2)
    with installation.operator(*SOLO) as operator:
        for name, (kind, data) in SOURCES.items():
            put(world, name, kind, data)
        world.await_state(
            "each has been asked", lambda: all(judged(world, name) for name in SOURCES)
        )
        assert judged(world, "basic") == "True"
        assert sum(judged(world, name) == "False" for name in SOURCES) > len(SOURCES) / 2
        # And each of them in place of one that was good.
        put(world, "turns", *SOURCES["config"])
        world.await_state("it is good", lambda: judged(world, "turns") == "True")
        for kind, data in SOURCES.values():
            if kind == "dockerConfig":
                put(world, "turns", kind, data)
        texts = written_by(operator, world)
        operator.stop()
    assert leaks(texts, token) == []
    everywhere = installation.cluster.api.request("GET", "/api/v1/secrets")[1].decode()
    assert CANARY.found_in(everywhere)


def judged(world, name):
    """What its condition Minted says of its latest spec."""
    status = (world.pullcredential(name) or {}).get("status") or {}
    said = {each["type"]: each["status"] for each in status.get("conditions", ())}
    return said.get("Minted", "").replace("Unknown", "")


#: Answers to writes of Secrets that repeat what was sent, as careless proxies do.
ECHOES = {
    "text": lambda body: Answer(500, body, content_type="text/plain"),
    "html": lambda body: Answer(403, b"<pre>" + body + b"</pre>", content_type="text/html"),
    "json": lambda body: Answer(500, body),
    "created": lambda body: Answer(201, b"[" + body + b"]"),
    "garbage": lambda body: Answer(201, body[:-10]),
}


@pytest.mark.parametrize("echo", ECHOES.values(), ids=ECHOES)
@pytest.mark.parametrize("debug", ["1", ""], ids=["debug", "plain"])
def test_answers_that_repeat_what_was_sent(
    echo, debug, installation, operator_world, proxy, tmp_path
):
    world = operator_world(1)
    sent = {
        "metadata": {"name": "a", "namespace": world.full("ns-0")},
        "data": {".dockerconfigjson": encoded(json.dumps({"auths": {"a": {"auth": PASSWORD}}}))},
        "stringData": {"password": PASSWORD},
    }
    tried = both(writes("secrets"), lambda seen: world.prefix in seen.path)
    proxy.on(tried, echo(json.dumps(sent).encode()), times=None)
    kubeconfig = proxy.kubeconfig(tmp_path)
    with installation.operator(
        *SOLO, kubeconfig=kubeconfig, env={"REGCRED_DEBUG": debug}
    ) as operator:
        put(world, "main", *SOURCES["basic"])
        operator.wait_until(
            "it has failed, or ended",
            lambda: [x for x in operator.lines if x.get("namespace") == world.full("ns-0")],
        )
        operator.kill()
        assert not CANARY.found_in(operator.stderr + operator.stdout)
        status = json.dumps(world.pullcredential("main").get("status", {}))
        assert not CANARY.found_in(status)
