"""Targets of one line: images, registries, paths, durations, globs, headers."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from fractions import Fraction
from urllib.parse import urlsplit

from regcred.core import backoff, glob
from regcred.core.credential import Password
from regcred.core.errors import InvalidImage, InvalidInput, InvalidRegistry, UsageError
from regcred.core.formats import duration
from regcred.core.logins import expiry
from regcred.core.logins.image import parse_image
from regcred.core.logins.registrykey import (
    display,
    endpoint_host,
    login_key,
    matches,
    never_matches,
    parse_registry,
    warnings,
)
from regcred.core.manifests import manifestpath
from regcred.core.registry import peers
from regcred.core.registry.challenge import parse_challenges
from tests.fuzz.target import CANARY, refusing, target, text_of

_NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


@target(
    "image",
    words="docker.io/ index.docker.io/ localhost library/ : @ sha256: / .. __ -- [::1]:5000/ A:",
    pumped=(("", "a/", "a"), ("a", "-", ""), ("a", "__", "!"), ("", "a.", "/x:"), ("x:", "a", "@")),
)
def image(data: bytes) -> None:
    """An image's name reads the same written out, and is what a request line can carry."""
    with refusing(InvalidImage):
        found = parse_image(text_of(data))
    assert parse_image(str(found)) == found
    assert found.name.isascii()
    assert not re.search(r"[\s\x00-\x1f?#%\\]", str(found))
    assert "//" not in found.path
    assert not {"", ".", ".."} & set(found.path.split("/"))
    assert found.registry_host


@target(
    "registry",
    words="https:// http:// *. / /v2/ @ : ? # % %2f [::1] docker.io index.docker.io/v1/ hunter2@",
    pumped=(
        ("", "*.", "io"),
        ("", "a", ":"),
        ("r/", "%41", ""),
        ("[", ":", "]"),
        ("", "@", ""),
        ("", "*", ".io"),
    ),
)
def registry(data: bytes) -> None:
    """A registry key is refused, or pulls nothing but what kubelet would pull with it."""
    text = text_of(data)
    user = f"{CANARY}@" if f"{CANARY}@" in text.partition("/")[0] else ""
    assert len(display(text)) < 2_000
    with refusing(InvalidRegistry, secret=user):
        key = parse_registry(text)
    assert parse_registry(text) == key
    reason = never_matches(key)
    assert reason == never_matches(text)
    for said in (reason, *warnings(key)):
        assert len(said) < 8_000
    if "*" not in key.host:
        assert not matches(key, "other.example.com/x") or key.host == "other.example.com"
    with refusing(InvalidRegistry, secret=user):
        given = login_key(text)
    assert not never_matches(given)
    assert login_key(given.text) == given
    with refusing(InvalidRegistry):
        assert endpoint_host(given)


@target("peer", words="http:// https:// @ // 169.254.169.254 [::ffff:a9fe:a9fe] 0x7f.1 \\ % .")
def peer(data: bytes) -> None:
    """A URL of a registry means one host to all who read it, and that is no metadata service."""
    text = text_of(data)
    with refusing(peers.BadPeerURL):
        scheme, host, port = peers.origin(text)
    parts = urlsplit(text)
    assert (parts.scheme, parts.hostname) == (scheme, host)
    assert not set(text) & set("\\ \t\r\n\x00")
    assert 0 <= port < 65536
    assert "@" not in parts.netloc
    if host in ("169.254.169.254", "metadata.google.internal", "::ffff:169.254.169.254", "0.0.0.0"):
        assert peers.is_off_limits(host)
    assert peers.may_have_password(text, "https://registry.example.com") == (scheme == "https")


@target(
    "path",
    words=". [*] .* ['a.b'] imagePullSecrets { } $ .. [0] [?( =.spec Rollout.argoproj.io=",
    pumped=(("A=", ".a", ""), ("A=", "[*]", ""), ("A=['", "'", ""), ("A=", "['a']", "!")),
)
def path(data: bytes) -> None:
    """A path of `--path` that is taken reads the same as it is shown."""
    with refusing(UsageError, hints=True):
        found = manifestpath.parse_kind_path(text_of(data))
    assert found.path
    plain = all(re.fullmatch(r"[\w-]+|\*", key) for key in found.path)
    if plain and found.path[-1] != manifestpath.FIELD:
        assert manifestpath.parse_kind_path(str(found)) == found


_UNITS = {"h": Fraction(3600), "m": Fraction(60), "s": Fraction(1), "ms": Fraction(1, 1000)}


@target("duration", words="h m s ms us 1.5 . 0 -1 +", pumped=(("", "1h", ""), ("", "1", "x")))
def a_duration(data: bytes) -> None:
    """A duration is as long as another reader, by fractions, says."""
    text = text_of(data)
    with refusing(InvalidInput, hints=True):
        found = duration.seconds(text)
    wanted, rest = Fraction(0), "" if text == "0" else text
    while rest:
        digits = re.match(r"[0-9]*\.?[0-9]*", rest)
        unit = re.match(r"ms|h|m|s", rest[digits.end() :])  # type: ignore[union-attr]
        assert digits
        assert unit
        wanted += Fraction(digits[0].rstrip(".") or "0") * _UNITS[unit[0]]
        rest = rest[digits.end() + unit.end() :]
    assert abs(Fraction(found) - wanted) <= wanted / 10**9


@target("glob", words="* ** a b ab ba", pumped=(("", "*a", "b\n" + "a" * 50), ("", "*", "\nx")))
def a_glob(data: bytes) -> None:
    """A glob matches what the regular expression of an admission policy matches."""
    pattern, _, text = text_of(data).partition("\n")
    found = glob.matches(pattern, text)
    if pattern.count("*") <= 4 and len(text) < 200:  # more has a regular expression try for ever
        meant = ".*".join(map(re.escape, pattern.split("*")))
        assert found == bool(re.fullmatch(meant, text, re.DOTALL))


@target(
    "challenge",
    words='Basic Bearer realm= service= scope= " \\" , = error="invalid_token" Negotiate YII==',
    pumped=(
        ("Bearer ", 'a="b",', ""),
        ('Bearer a="', "\\a", ""),
        ("", "a=", ""),
        ("a ", " ", "b"),
        ("", "a ", ""),
        ("", '"', ""),
        ("a ", "b=", "!"),
    ),
)
def challenge(data: bytes) -> None:
    """Challenges of a header read the same written out by the grammar."""
    header = text_of(data)
    found = parse_challenges([header])
    assert len(found) <= len(header)
    assert sum(len(k) + len(v) for c in found for k, v in c.params.items()) <= len(header)
    for each in found:
        assert each.scheme == each.scheme.lower()
        assert all(name == name.lower() for name in each.params)
    written = ", ".join(
        f"{c.scheme} {c.token68}"
        if c.token68
        else f"{c.scheme} " + ", ".join(f'{k}="{_escaped(v)}"' for k, v in c.params.items())
        for c in found
    )
    if not any(c.token68 and c.params for c in found):
        assert parse_challenges([written]) == found


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"')


@target("retry-after", words="GMT UTC +0000 -0000 Jan 2026 00:00:00 Fri, +99999999999 9999 (")
def retry_after(data: bytes) -> None:
    """A date or a number to come back at is none, or no moment before now."""
    text = text_of(data)
    seconds = backoff.seconds_of(text, _NOW)
    assert seconds is None or 0 <= seconds < 400_000_000_000
    for status in (200, 429, 503):
        wait = backoff.pause(status, text, 0, now=_NOW, chance=0.5)
        assert wait is None or wait >= 0


@target("token", words='eyJ {"exp": } 1e999 -1 . = {"expiration":', pumped=(("", "e.", ""),))
def token(data: bytes) -> None:
    """When a password ends is a moment with a zone, or not known."""
    found = expiry.expires(Password(text_of(data)))
    assert found is None or found.tzinfo
