"""Images, registry keys and docker configs, held against kubelet's own code: no difference."""

import base64
import json
import random

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from regcred.core.credential import Credential, Password
from regcred.core.errors import InvalidImage, InvalidRegistry, UndecodableDockerConfig
from regcred.core.logins.authentry import build_dockerconfigjson
from regcred.core.logins.dockerconfig import (
    parse_dockercfg,
    parse_dockerconfigjson,
)
from regcred.core.logins.image import parse_image
from regcred.core.logins.registrykey import matches, never_matches, parse_registry
from tests.support.clusters import PytestProgress
from tests.support.kubelet import Kubelet, build

MANY = settings(deadline=None, max_examples=3000)


@pytest.fixture(scope="session")
def kubelet(request):
    with Kubelet(build(PytestProgress(request.config))) as kubelet:
        yield kubelet


def pieces(*known, length=8):
    """Texts put together of these: near misses are frequent."""
    return st.lists(st.sampled_from(known), max_size=length).map("".join)


IMAGES = pieces(
    "docker.io", "index.docker.io", "localhost", "gcr.io", "GCR.io", "my_reg.io", "library",
    "a", "b1", "A", "a__b", "a--b", "é", "K", " ", "\n", "-", "_", ".", "..", "/", "/", "/", ":",
    ":5000", "@", "[::1]", "[fe80::1]:80", "x" * 250, "x" * 255, "latest", "v1.0_x-",
    "@sha256:" + "d" * 64, "@sha256:" + "A" * 64, "@sha384:" + "0" * 96, "@sha512:" + "c" * 128,
    "@md5:" + "c" * 32, "@sha256+b64:" + "a" * 64, "f" * 64,
)  # fmt: skip


def read(text):
    """Name, tag and digest, as kubelet's ParseImageName has them; None for no image."""
    try:
        image = parse_image(text)
    except InvalidImage:
        return None
    return image.name, image.tag or ("" if image.digest else "latest"), image.digest or ""


@MANY
@given(IMAGES | st.text(max_size=8))
def test_images(kubelet, text):
    answer = kubelet.ask(image=text)
    theirs = (answer["name"], answer["tag"], answer["digest"])
    assert read(text) == (None if answer["error"] else theirs)


HOSTS = [
    "docker.io", "index.docker.io", "registry-1.docker.io", "localhost", "gcr.io", "my_reg.io",
    "a", "b.io", "A", "1.2.3.4", "[::1]", "[fe80::1]:80", ":5000", ":443",
]  # fmt: skip
KEYS = [
    *HOSTS, "https://", "http://", "HTTPS://", "*", "*.", "*.io", "_", "-", ".", "..", ":", ":*",
    "/", "/", "//", "/v1", "/v2/", "/v1/", "/p", "/P", "path:tag", "u:p@", "?", "#", "[", "]",
    "[::ffff:1.2.3.4]:80", "[fe80::1%25eth0]:80", "[fe80::1%25a b]", "[fe80::1%25a%20b]", "%",
    "%zz", "%20", "%41", "%2541", "%3Fa", "%253F", "%c3%a9", "%25c3%25a9", "é", "\\", "^", " ",
    "\t", "\x7f", "x" * 100,
]  # fmt: skip
NAMES = [*HOSTS, ".io", "x", "ab", "/", "/", "/v1", "/v2", "/p", "/path", "/library"]


def keys_and_names(rng):
    """Keys, each with the normalized name of an image that is often made of it."""
    for _ in range(100_000):
        key = "".join(rng.choices(KEYS, k=rng.randint(0, 5)))
        text = "".join(rng.choices(NAMES, k=rng.randint(1, 6)))
        if rng.random() < 0.5:
            text = key.rpartition("://")[2].replace("*", rng.choice(["x", "", "ab"]))
            text += rng.choice(["", "x", "/x"])
        if image := read(text):
            yield key, image[0]


def is_last_resort(key, name):
    """Whether kubelet falls back to this key for this image: the keyring's business, not ours."""
    try:
        index = parse_registry(key).index
    except InvalidRegistry:
        return False
    host = name.partition("/")[0]
    return index == "index.docker.io" and (host == "docker.io" or not set(host) & set(".:"))


def test_registry_keys(kubelet):
    seen = {True: 0, False: 0}
    for key, name in keys_and_names(random.Random(1)):  # noqa: S311
        found = kubelet.ask(key=key, name=name)["found"]
        seen[found] += 1
        # A zone of an IPv6 address becomes a character class there; no image has a zone.
        if "%25" not in key:
            assert (matches(key, name) or is_last_resort(key, name)) is found, (key, name)
        # What kubelet takes an IPv6 address without port for is documented there.
        if never_matches(key) and "]" not in key:
            assert not found, (key, name)
    assert min(seen.values()) > 1000, seen


def b64(data):
    return base64.b64encode(data).decode()


ODD = [
    b"null", b"true", b"1", b"-0.10", b"1e400", b"9" * 5000, b"01", b"NaN", b"[]", b"[1,[2]]",
    b"{}", b'{"a":{"a":1,"a":2}}', b'"', b"",
]  # fmt: skip
STRINGS = [
    b'""', b'"u"', b'"p:w"', "\"é\u2028<>\"".encode(), b'"\xff"', b'"\xe2\x82"', b'"\xed\xa0\x80"',
    b'"\\ud83d\\ude00"', b'"\\ud83d"', b'"\\ud83d\\u0041"', b'"\\ud83d\xff"', b'"\\/\\b\\f\\n"',
    b'"\x01"', b'"\\x"', b'"\\u12"', b"\"\\'\"", b'"abc',
]  # fmt: skip
NAMES_OF_FIELDS = [
    b"username", b"Username", b"us\\u0065rname", b"PASSWORD", b"password", b"email",
    b"pa\xc5\xbf\xc5\xbfword", b"ema\xc4\xb0l", b"auth", b"Auth", b"auth", b"identitytoken", b"x",
]  # fmt: skip
LOGINS = [
    b"u:p", b":", b"u:", b":p", b"a:b:c", b"nocolon", b"", b"\xff\xfe:\xc3", b"uu:pp", b"u:ppp",
]  # fmt: skip
SPOILERS = ["\n", "\r\n", " ", "=", "==", "-", "_", "A", "\t", "é", "\u00a0"]


def auth(rng):
    text = b64(rng.choice(LOGINS))
    if rng.random() < 0.3:
        text = text.rstrip("=")
    if rng.random() < 0.3:
        at = rng.randint(0, len(text))
        text = text[:at] + rng.choice(SPOILERS) + text[at:]
    return json.dumps(text, ensure_ascii=rng.random() < 0.5).encode()


def obj(rng, name_and_value, most):
    space = [b"", b"", b" ", b"\n\t"]
    members = []
    for _ in range(rng.randint(0, most)):
        name, value = name_and_value()
        members.append(b'"%s"%s:%s%s' % (name, rng.choice(space), rng.choice(space), value))
    return b"{" + rng.choice([b",", b" ,\n"]).join(members) + b"}"


def odd_or(rng, chance, make):
    return rng.choice(ODD) if rng.random() < chance else make()


def entries(rng):
    def member():
        name = rng.choice(NAMES_OF_FIELDS)
        login = (
            (lambda: auth(rng)) if name.lower() == b"auth" else (lambda: rng.choice(STRINGS[:10]))
        )
        return name, odd_or(rng, 0.03, lambda: odd_or(rng, 0.03, login))

    def entry():
        key = rng.choice([b"gcr.io", b"a", b"a", b"\\ud800", b"\xff", b"", b"Auth"])
        return key, odd_or(rng, 0.04, lambda: obj(rng, member, 4))

    return obj(rng, entry, 3)


def document(rng):
    def member():
        name = rng.choice([b"auths", b"auths", b"Auths", b"auth\xc5\xbf", b"HttpHeaders", b"x"])
        if name.lower().startswith(b"auth"):
            return name, odd_or(rng, 0.04, lambda: entries(rng))
        if name == b"HttpHeaders":
            headers = [b"null", b"{}", b'{"a":"b","a":null}', b'{"a":1}', b"[]"]
            return name, rng.choice(headers)
        return name, rng.choice(ODD[:-2] + STRINGS[:10])

    return odd_or(rng, 0.02, lambda: obj(rng, member, 3))


def spoiled(rng, content):
    end = rng.choice([b"", b"", b"", b"", b"\n", b" \t", b"x", b"{}"])
    if rng.random() < 0.03:
        at = rng.randint(0, len(content))
        content = content[:at] + content[at + 1 :]
    return (b"\xef\xbb\xbf" if rng.random() < 0.01 else b"") + content + end


def logins(config):
    def data(text):
        return b64(text.encode("utf-8", "surrogateescape"))

    return {
        key: {
            "username": data(entry.username),
            "password": data(entry.password.reveal()),
            "email": data(entry.email),
        }
        for key, entry in config.items()
    }


@pytest.mark.parametrize("legacy", [False, True])
def test_docker_configs(kubelet, legacy):
    seen = {"broken": 0, "empty": 0, "logins": 0}
    for seed in range(20_000):
        rng = random.Random(seed)  # noqa: S311
        content = spoiled(rng, entries(rng) if legacy else document(rng))
        answer = kubelet.ask(config=b64(content), legacy=legacy)
        try:
            config = (parse_dockercfg if legacy else parse_dockerconfigjson)(content, source="x")
        except UndecodableDockerConfig:
            assert answer["error"], content
            seen["broken"] += 1
            continue
        assert (logins(config), "") == (answer["entries"], answer["error"]), content
        seen["logins" if config else "empty"] += 1
        # And what we write of it, kubelet reads the same.
        again = kubelet.ask(config=b64(config.to_json()), legacy=False)
        assert again["entries"] == answer["entries"], content
    assert min(seen.values()) > 1000, seen


@MANY
@given(st.text(max_size=9), st.binary(max_size=9), st.binary(max_size=9))
def test_what_is_built_is_what_kubelet_reads(kubelet, registry, username, password):
    username, password = (b.decode("utf-8", "surrogateescape") for b in (username, password))
    assume(":" not in username)
    built = build_dockerconfigjson([Credential(registry, username, Password(password))])
    answer = kubelet.ask(config=b64(built))
    login = answer["entries"][registry]
    assert base64.b64decode(login["username"]) == username.encode("utf-8", "surrogateescape")
    assert base64.b64decode(login["password"]) == password.encode("utf-8", "surrogateescape")
