"""Pull Secrets and images, looked up by regcred and by kubelet's own code: no difference."""

import base64
import json
import random
from itertools import groupby

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from regcred.core.errors import InvalidInput
from regcred.core.logins.keyring import Keyring
from regcred.core.logins.lookup import look_up
from regcred.core.logins.pullsecret import PullSecret
from regcred.core.problem import Reason
from tests.support.clusters import PytestProgress
from tests.support.kubelet import Kubelet, build

JSON = "kubernetes.io/dockerconfigjson"
LEGACY = "kubernetes.io/dockercfg"
KEYS = {JSON: ".dockerconfigjson", LEGACY: ".dockercfg"}


@pytest.fixture(scope="session")
def kubelet(request):
    with Kubelet(build(PytestProgress(request.config))) as kubelet:
        yield kubelet


def b64(data):
    return base64.b64encode(data).decode()


def raw(text):
    return b64(text.encode("utf-8", "surrogateescape"))


def theirs(lookup):
    """What kubelet tries, in order, as (username, password, Secret)."""
    return [(t["username"], t["password"], t["secret"]) for t in lookup["tried"] or []]


def ours(lookup):
    """The same of regcred, in runs within which kubelet's order is Go's random one."""
    runs = []
    for _, run in groupby(lookup.candidates, lambda c: (c.index, c.position)):
        runs.append(
            [
                (
                    raw(c.credential.username),
                    raw(c.credential.password.reveal()),
                    c.source.removeprefix("Secret "),
                )
                for c in run
            ]
        )
    return runs


def compare(kubelet, objects, images):
    """Hold both against each other; how many lookups failed, found nothing, found something."""
    answer = kubelet.ask(secrets=objects, images=images)
    try:
        keyring = Keyring.build(map(PullSecret.from_object, objects))
    except InvalidInput:
        assert answer["refused"], objects
        return {"refused": 1}
    assert not answer["refused"], (answer["refused"], objects)
    seen = {"refused": 0, "failed": 0, "none": 0, "one": 0, "many": 0, "shuffled": 0}
    for image, lookup in zip(images, answer["lookups"], strict=True):
        case = (objects, image)
        mine = look_up(keyring, image)
        assert mine.failed is bool(lookup["error"]), case
        runs, tried = ours(mine), theirs(lookup)
        seen["shuffled"] += any(len(set(run)) > 1 for run in runs)
        for run in runs:
            assert sorted(run) == sorted(tried[: len(run)]), case
            del tried[: len(run)]
        assert not tried, case
        assert bool(mine.candidates) is lookup["found"], case
        check_reasons(mine, case)
        count = len(mine.candidates)
        key = "failed" if mine.failed else ("none", "one", "many")[min(count, 2)]
        seen[key] += 1
    return seen


def check_reasons(lookup, case):
    """Why there is no login is said exactly where there is none."""
    usable = any(not candidate.useless for candidate in lookup.candidates)
    assert bool(lookup.problems) is not usable, case
    assert all(p.message for p in (*lookup.problems, *lookup.warnings)), case
    if lookup.failed:
        fatal = {Reason.BAD_REFERENCE, Reason.SECRET_MALFORMED, Reason.SHADOWED}
        assert lookup.problems[0].reason in fatal, case


HOSTS = [
    "gcr.io", "asia.gcr.io", "eu.gcr.io", "docker.io", "docker.io", "index.docker.io", "localhost",
    "registry-1.docker.io", "localhost:5000", "gcr.io:443", "1.2.3.4:5000", "[::1]:5000", "[::1]",
    "[:]", "my_reg.io", "REG", "GCR.io", "registry.example.com", "registry.example.com:8443",
    "a.b.c.d.io", "xn--bcher-kva.example", "123456789012.dkr.ecr.us-east-1.amazonaws.com",
]  # fmt: skip
PATHS = [
    "app", "library/nginx", "team/app", "team2/app", "team/app/sub", "p", "proj/repo/app", "v1/app",
    "v2/app", "v2x", "a", "a__b/c-d.e",
]  # fmt: skip
ENDS = ["", "", "", ":1.2", ":latest", "@sha256:" + "d" * 64, ":t@sha256:" + "e" * 64]
BAD_IMAGES = ["", "A a", "gcr.io/App", "https://gcr.io/x", "f" * 64, "gcr.io/x@sha256:1", "x:"]


def an_image(rng, hosts):
    if rng.random() < 0.02:
        return rng.choice(BAD_IMAGES)
    host = rng.choice(hosts)
    prefix = "" if host in ("docker.io", "localhost") and rng.random() < 0.5 else f"{host}/"
    return prefix + rng.choice(PATHS) + rng.choice(ENDS)


def glob(rng, host):
    """`host` with a part, or a bit of one, made a ``*``; a part more or fewer at times."""
    name, colon, port = host.partition(":")
    parts = name.split(".")
    for _ in range(rng.choice([1, 1, 2])):
        at = rng.randrange(len(parts))
        cut = rng.randint(0, len(parts[at]))
        parts[at] = rng.choice(["*", "*", parts[at][:cut] + "*", "*" + parts[at][cut:], "**"])
    change = rng.random()
    if change < 0.1:
        parts.insert(0, "*")
    elif change < 0.2 and len(parts) > 1:
        parts.pop(0)
    return ".".join(parts) + colon + port


def escaped(rng, text):
    """`text` with one character percent-encoded, twice at times."""
    if not text:
        return text
    at = rng.randrange(len(text))
    code = "".join(f"%{byte:02x}" for byte in text[at].encode())
    if rng.random() < 0.3:
        code = code.replace("%", "%25")
    return text[:at] + code + text[at + 1 :]


def a_host(rng, host):
    change = rng.random()
    if change < 0.55:
        return host
    if change < 0.75 and "[" not in host:
        return glob(rng, host)
    if change < 0.82:
        return rng.choice([host + ":443", host + ":", host.partition(":")[0], host + ":5000"])
    if change < 0.9:
        return rng.choice([host.upper(), host + ".", "x." + host, host.partition(".")[2], "é.io"])
    return rng.choice(HOSTS)


def a_path(rng, path):
    path = f"/{path}"
    change = rng.random()
    if change < 0.4:
        return rng.choice(["", "", "", "/", "/v1/", "/v2/", "/v1", "/v2"])
    if change < 0.8:
        path = path[: rng.randint(1, len(path))]
    if change > 0.9:
        path = rng.choice(["//", "/*", "/P", "/app:1", path + "/", escaped(rng, path)])
    return rng.choice(["", "", "", "/v1", "/v2"]) + path


def a_key(rng, image):
    """A key for an image, or nearly."""
    if rng.random() < 0.12:
        return rng.choice([
            "https://index.docker.io/v1/", "https://index.docker.io/v1/", "index.docker.io",
            "index.docker.io/", "https://index.docker.io/v1", "docker.io", "*.docker.io", "", "*",
            "index.docker.io/v2/", "index.docker.io?x", "u@index.docker.io", "*.*", "/", "auths",
        ])  # fmt: skip
    repository = image.partition("@")[0]
    host, slash, path = repository.partition("/")
    if not slash or ("." not in host and ":" not in host and host != "localhost"):
        host, path = "docker.io", "library/" + repository
    key = a_host(rng, host) + a_path(rng, path)
    if rng.random() < 0.05:
        key = rng.choice(["u:p@" + key, key + "?q", key + "#f", key + " ", "%" + key, "[" + key])
    return rng.choice(["", "", "", "https://", "http://", "HTTPS://", "ftp://"]) + key


def an_entry(rng, n):
    """What stands under a key; each has another login, or the same one as others at times."""
    login = f"u{rng.choice([n, n, n, 'same'])}:p:w".encode()
    change = rng.random()
    if change < 0.6:
        return {"auth": b64(login).rstrip("=" * rng.randint(0, 1))}
    if change < 0.7:
        return {"auth": b64(login), "username": "other", "password": "other", "email": "e"}
    if change < 0.8:
        return {rng.choice(["username", "UserName"]): f"u{n}", "password": "pw"}
    if change < 0.985:
        return rng.choice([
            {}, None, {"identitytoken": "t"}, {"username": ""}, {"password": "p"}, {"auth": ""},
            {"auth": b64(b":p")}, {"auth": b64(b"\xff:\xfe")}, {"username": f"u{n}"},
        ])  # fmt: skip
    return rng.choice([
        {"auth": "dTpw="}, {"auth": " " + b64(login)}, {"auth": b64(b"nocolon")}, {"auth": 1}, [],
        {"username": 5}, "x", {"auth": b64(login) + "\n"}, {"auth": "dTo_"},
    ])  # fmt: skip


def a_document(rng, images, legacy, n):
    entries = {}
    for m in range(rng.choice([0, 1, 1, 2, 3, 5])):
        key = a_key(rng, rng.choice(images))
        entries[key] = an_entry(rng, f"{n}-{m}")
        if rng.random() < 0.2:  # another spelling
            other = rng.choice(["https://" + key, key + "/", key + "/v2/", "u@" + key, key + "?"])
            entries[other] = an_entry(rng, f"{n}-{m}-again")
    if rng.random() < 0.05:
        legacy = not legacy  # the other type's form
    document = entries if legacy else {"auths": entries}
    if rng.random() < 0.2:
        document |= {"HttpHeaders": {"a": "b"}} if not legacy else {}
    if rng.random() < 0.015:
        return rng.choice(["", "null", "[]", "{", '{"auths": []}', '{"auths": null}', "\ufeff{}"])
    return json.dumps(document, ensure_ascii=rng.random() < 0.5)


def a_secret(rng, images, n):
    type_ = rng.choice([JSON, JSON, JSON, LEGACY])
    content = a_document(rng, images, type_ == LEGACY, n)
    key = KEYS[type_]
    data, strings = {key: b64(content.encode())}, {}
    change = rng.random()
    if change < 0.25:
        data, strings = rng.choice([{}, {key: b64(b"{")}, {key: ""}]), {key: content}
    elif change < 0.30:
        data = rng.choice([{}, None, {"x": "eA=="}, {key: ""}, {key: None}])
    elif change < 0.33:
        data = {KEYS[LEGACY if type_ == JSON else JSON]: b64(content.encode())}
    elif change < 0.36:
        type_ = rng.choice(["Opaque", "", None, "kubernetes.io/tls", JSON.upper()])
    elif change < 0.365:
        data = {key: rng.choice(["e30", "e30==", "e_0=", 5, {}, " e30="])}
    elif change < 0.4:
        data = {key: b64(content.encode()).replace("A", "A\n", 2)}
    secret = {"apiVersion": "v1", "kind": "Secret", "type": type_, "data": data}
    secret["metadata"] = {"name": f"s{n}", "namespace": "team-a"}
    if strings or rng.random() < 0.1:
        secret["stringData"] = strings
    return secret


@pytest.mark.parametrize("part", range(2))
def test_random_pods(kubelet, part):
    """Up to four Secrets, and images that the keys were made for, or nearly."""
    seen = {}
    for seed in range(part * 2500, part * 2500 + 2500):
        rng = random.Random(seed)  # noqa: S311
        hosts = rng.choices(HOSTS, k=2)
        images = [an_image(rng, hosts) for _ in range(5)]
        secrets = [a_secret(rng, images, n) for n in range(rng.choice([0, 1, 1, 2, 3, 4]))]
        for key, count in compare(kubelet, secrets, images).items():
            seen[key] = seen.get(key, 0) + count
    assert min(seen.values()) > 10, seen
    assert min(seen[key] for key in ("failed", "none", "one", "many")) > 500, seen


PIECES = st.lists(
    st.sampled_from([
        "gcr", "docker", "index", "io", "localhost", "X", "*", "a", ".", ".", ":", ":5000", "/",
        "/", "v1", "v2", "https://", "http://", "@", "?", "#", "%2541",
        "%41", "%", "[::1]", "é", "-", "library", "docker.io", "index.docker.io", "gcr.io",
        "\udcff", " ",
    ]),
    max_size=7,
).map("".join)  # fmt: skip


@settings(deadline=None, max_examples=1000)
@given(st.lists(st.lists(PIECES, max_size=5), max_size=3), st.lists(PIECES, min_size=1, max_size=5))
def test_any_keys_and_images(kubelet, secrets, images):
    objects = []
    for n, keys in enumerate(secrets):
        auths = {key: {"auth": b64(f"u{n}-{m}:p".encode())} for m, key in enumerate(keys)}
        objects.append(
            {
                "metadata": {"name": f"s{n}", "namespace": "n"},
                "type": JSON,
                "stringData": {KEYS[JSON]: json.dumps({"auths": auths})},
            }
        )
    compare(kubelet, objects, images)


def test_what_kubelet_shuffles(kubelet):
    """Entries of one Secret under one index have no order; those of two Secrets have."""

    def secret(name, *keys):
        auths = {key: {"username": key, "password": "p"} for key in keys}
        return {
            "metadata": {"name": name, "namespace": "n"},
            "type": JSON,
            "stringData": {KEYS[JSON]: json.dumps({"auths": auths})},
        }

    one = [secret("s", "gcr.io", "https://gcr.io")]
    two = [secret("s", "gcr.io"), secret("t", "https://gcr.io")]
    orders = {"one": set(), "two": set()}
    for _ in range(100):
        for name, objects in (("one", one), ("two", two)):
            answer = kubelet.ask(secrets=objects, images=["gcr.io/x"])
            orders[name].add(tuple(theirs(answer["lookups"][0])))
    assert [len(found) for found in orders.values()] == [2, 1]
