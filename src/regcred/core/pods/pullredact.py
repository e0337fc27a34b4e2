"""A runtime's complaint about a pull in one line that is fit to show: no secret, images legible.

`regcred.core.formats.redact.one_line` is for a phrase, and hides digests with all else that is
long. Here the digest and the image's name are what the reader is after, and around them stand
signed URLs of a registry's storage, proxies with their password, and bodies of any kind. So the
text is taken apart: URLs by their parts (an allow-list of query parameters), images' names where
the runtimes are known to put one, and all the rest by `one_line`'s rules, stricter. In doubt it is
hidden.
"""

from __future__ import annotations

import re
from itertools import chain, islice
from typing import TYPE_CHECKING

from regcred.core.credential import HIDDEN

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

#: Length of the result in characters: enough for two runtimes' chains of causes and a body.
MOST = 4_000
#: From its end, where Go puts the cause; the rest is from its beginning.
_TAIL = 1_000
_MAX_INPUT = 131_072
_MAX_LINE = 32_768

_TERMINAL = re.compile(r"\x1b(?:\[[0-9;:<=>?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?)")

#: What a URL's query may show; all of the OAuth2 token flow's that is no secret.
_SHOWN_PARAMETERS = frozenset({"scope", "service", "ns"})
_SEPARATOR = re.compile(r"(&amp;|&|;|\\u0026)")
_PARAMETER = re.compile(r"[\w.\[\]-]{1,40}", re.ASCII)
_SCHEME_END = re.compile(r"[A-Za-z][A-Za-z0-9+.-]{0,30}\Z")
_URL_END = re.compile(r"[\s\"<>`]|\\+[\"'nrt]")
_HOST_AND_PORT = re.compile(r"(?:\[[0-9A-Fa-f:.%]*\]|[^:\[\]]*)(?::\d*)?")
#: Transports of containers/image, whose "URL" is an image's name.
_NAMING = ("docker", "docker-daemon", "oci", "containers-storage")
_DIGEST = re.compile(r"[a-z][a-z0-9]*(?:[+._-][a-z0-9]+)*:[0-9a-fA-F]{8,128}")

_REFERENCE = r"[A-Za-z0-9][\w.:/-]{0,300}(?:@[a-z][a-z0-9+._-]{0,30}:[0-9a-f]{8,128})?"
#: Where the runtimes and kubelet put an image's name, a tag or a repository.
_NAMED_IMAGES = tuple(
    re.compile(pattern, re.ASCII)
    for pattern in (
        rf"(?:[Ii]mage|[Ii]mage name|reference|default image tag|name) \\*\"({_REFERENCE})\\*\"",
        rf"(?:manifest|config|blob|signatures?) ({_REFERENCE}) in ({_REFERENCE})",
        rf"(?:pull access denied for|manifest for|image name|image pull failed for|image instance"
        rf"|repository|short-name) \\*\"?({_REFERENCE})",
        rf"(?:^|: )(?=[^\s/]{{1,300}}/)({_REFERENCE}): not found",
        rf"\[(?:manifests|blobs) ({_REFERENCE})\]",
    )
)

_TELLING = (
    r"password|passwd|passphrase|secret|token|api[_-]?key|access[_-]?key(?:[_-]?id)?|credentials?"
    r"|signature|cookie"
)
#: Names too short to be looked for inside of others; Azure's and CloudFront's signed URLs.
_SHORT_NAME = (
    r"sig|se|sp|sv|st|sr|ske|skoid|sktid|skt|sks|skv|pwd|auth|account|expires|policy|key-pair-id"
    r"|googleaccessid|verify|hdnts|x-(?:amz|goog|ms|oss)-[\w-]{1,40}"
)
#: How a chain of causes goes on after "…token: " and "…password: ", where no value follows.
_PROSE = (
    r"(?:unexpected|received|invalid|unauthorized|unauthenticated|denied|requested|requesting"
    r"|authentication|authorization|incorrect|unable|failed|cannot|error|errors|fetching|parsing"
    r"|Get|Head|Post|GET|HEAD|POST|Put|http|net/http|dial|proxyconnect|read|write|remote|tls|x509"
    r"|EOF|context|no|not|status|StatusCode|server|access|the|a|is|this|your|it|Unauthorized"
    r"|Forbidden|rpc|operation|exec|\d{3} [A-Z][a-z]+)(?![\w+/=-])"
)
#: Not what another pattern has hidden already.
_YET = r"(?!\*{8}(?:[\s,;&\"'}\])<]|\Z))"
_QUOTED = r"(?P<b>\\*)(?P<q>[\"']).*?(?:(?<!\\)(?P=b)(?P=q)|\Z)"
_AUTH_SCHEME = r"(?:bearer|basic|digest|negotiate|ntlm|token|aws4-hmac-sha256|aws)"
#: What may follow "Bearer" and "Basic" in prose or in a challenge.
_NO_VALUE = (
    r"(?:auth|authentication|authorization|credentials?|access|login|token|tokens|challenge"
    r"|scheme|header)(?![\w+/=~-])|realm="
)

#: Each hides what it matches but for its group ``keep``.
_SECRETS = tuple(
    re.compile(pattern)
    for pattern in (
        rf"(?i)(?P<keep>authorization\\*[\"']?(?:[=:] ?)){_YET}"
        r"(?!server message|authorization failed)"
        rf"(?:\\*[\"'])?(?:{_AUTH_SCHEME} )?\S+",
        rf"(?is)(?P<keep>(?:{_TELLING}|(?<![\w-])(?:{_SHORT_NAME}))\\*[\"']?\s?[=:]\s?)"
        rf"{_QUOTED}",
        rf"(?i)(?P<keep>(?:{_TELLING}|(?<![\w-])(?:{_SHORT_NAME}))(?:=|%3D)){_YET}"
        r"\S+",
        rf"(?P<keep>(?i:{_TELLING})\\*[\"']?: ?){_YET}(?!{_PROSE})\S+",
        rf"(?i)(?P<keep>(?<!\w)(?:bearer|basic):?\s)(?!{_NO_VALUE})\S+",
        # What a bucket says about a request that it does not take, in XML.
        r"(?i)(?P<keep><\w{0,40}(?:key|sign|token|secret|password|canonical|credential)\w{0,40}>)"
        r"[^<]+",
        # containerd shows what it decoded; Go's JSON one character, or a number, of what it read.
        r"(?s)(?P<keep>decoded auth: ).+",
        r"(?P<keep>invalid character )(?P<q>\\*[\"'])(?:\\.[^'\"]{0,12}|[^<\\])(?P=q)",
        # So does its URL parser, of one that it does not take.
        r"(?P<keep>invalid (?:port|URL escape) )\\*\"[^\"]*\"",
        r"(?P<keep>cannot unmarshal number )[\d.eE+-]+",
        r"(?s)(?P<keep>cannot unmarshal object key )\".*?\"(?= into|\Z)",
        r"(?a)eyJ[\w-]+(?:\.[\w-]*)*",
        r"(?a)(?<![A-Za-z0-9])(?:gh[opsur]_|github_pat_|gl(?:pat|dt|rt|cbt)-|dckr_[a-z]{3}_|hf_"
        r"|npm_|pypi-|xox[a-z]-|ya29\.|sk-|AKCp|A[KS]IA)[\w.-]{6,}",
        r"(?a)(?<![0-9A-Fa-f])[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}(?!\w)",
    )
)
_KNOWN_TOKENS = _SECRETS[-3:]
_OPEN = re.compile(rf"(?i)(?:{_TELLING})\\*[\"']?\s?[=:]\s?\\*[\"']?\Z")
_WORD = re.compile(r"[^\s\"'<>]+")
#: What is shorter is left as it is, wherever it stands.
_SHORT = 23
_RUN = re.compile(r"(?<![\w+/=-])[\w+/=-]{24,}", re.ASCII)
#: A run that is a digest, where what stands before it ends with `_ALGORITHM`; or has it itself.
_HEX = re.compile(r"[0-9a-f]{24,64}|[0-9a-f]{96}|[0-9a-f]{128}")
_ALGORITHM = re.compile(r"sha(?:256|384|512):\Z")
_HEX_IN_RUN = re.compile(r"[\w/-]*sha256[-/](?:[0-9a-f]{2}/)?[0-9a-f]{64}(?:[/-][a-z]+)?", re.ASCII)
_FILE = re.compile(r"/(?:data|etc|home|mnt|opt|proc|root|run|srv|tmp|usr|var)/[a-z0-9_/-]*")
_LOWER_NAME = re.compile(r"[a-z0-9]{0,15}(?:[/_-][a-z0-9]{0,15})+")


def show(text: str, known: Iterable[str] = ()) -> str:
    """`text` in one printable line of no more than `MOST` characters, without secrets.

    Args:
        text: as it stands.
        known: what may be shown wherever it stands alone, as an image's name: what a Pod is called.
            It is long; what is short would cut a secret in two that is told by its length.
    """
    text = _TERMINAL.sub("", text[:_MAX_INPUT])
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    if len(line) > _MAX_LINE:  # Not in the midst of a word, whose end may tell what it is.
        line = line[:_MAX_LINE].rpartition(" ")[0]
    line = "".join(_shown(line, _images_in(line, known)))
    return line if len(line) <= MOST else f"{line[: MOST - _TAIL - 3]} … {line[-_TAIL:]}"


def _images_in(line: str, known: Iterable[str]) -> re.Pattern[str] | None:
    """What finds the images' names that `line` has where one is expected, wherever they stand.

    And what is `known`.
    """
    found = (
        name.rstrip(".:/-")
        for pattern in _NAMED_IMAGES
        for match in pattern.finditer(line)
        for name in match.groups()
    )
    longer = (
        name for name in chain(known, found) if "/" in name or ":" in name or len(name) > _SHORT
    )
    names = sorted(set(islice(longer, 50)), key=len, reverse=True)
    if not names:
        return None
    alternatives = "|".join(map(re.escape, names))
    return re.compile(rf"(?<![\w./@=+-])(?:{alternatives})(?![\w/@=+-])")


def _shown(line: str, images: re.Pattern[str] | None) -> Iterator[str]:
    """`line` in pieces, each redacted after its kind."""
    done = 0
    at = line.find("://")
    while at >= 0:
        scheme = _SCHEME_END.search(line, max(done, at - 31), at)
        start = scheme.start() if scheme else at
        end = _url_end(line, start, at + 3)
        before = line[done:start]
        yield from _around(before, images)
        if _OPEN.search(before[-80:]):
            yield HIDDEN
        else:
            yield line[start : at + 3]
            yield _url(line[at + 3 : end], names=line[start:at] in _NAMING)
        done = end
        at = line.find("://", done)
    yield from _around(line[done:], images)


def _url_end(line: str, start: int, after: int) -> int:
    """Where the URL ends: at its closing quote, so that blanks in a password do not end it."""
    if line[start - 1 : start] == '"':
        slashes = start - 1 - len(line[: start - 1].rstrip("\\")) if line[start - 2] == "\\" else 0
        close = re.compile(r"(?<!\\)" + r"\\" * slashes + '"').search(line, after)
        return close.start() if close else len(line)
    end = _URL_END.search(line, after)
    stop = end.start() if end else len(line)
    return after + len(line[after:stop].rstrip(".,:;)]}'"))


def _url(rest: str, *, names: bool) -> str:
    """A URL after its ``://``: no user, no parameter that is not known to be harmless."""
    path_end = min((i for i in map(rest.find, "?#") if i >= 0), default=len(rest))
    authority = rest[:path_end].partition("/")[0]
    # "…:2f" is no port: a password with a slash or a question mark, and its @ comes later.
    odd = not names and not _HOST_AND_PORT.fullmatch(authority)
    ats = [m.start() for m in re.finditer("@", rest) if not _DIGEST.match(rest, m.end())]
    if ats and (odd or ats[0] < path_end):
        return f"{HIDDEN}@{_url(rest[ats[-1] + 1 :], names=names)}"
    if odd:
        return f"{authority.partition(':')[0]}:{HIDDEN}{_path(rest[len(authority) : path_end])}"
    path, (query, hash_sign, fragment) = rest[:path_end], rest[path_end:].partition("#")
    shown = authority + _path(path[len(authority) :], names=names)
    if query:
        shown += "?" + "".join(map(_parameter, _SEPARATOR.split(query[1:])))
    return shown + hash_sign + (HIDDEN if fragment else "")


def _path(path: str, *, names: bool = False) -> str:
    for pattern in _KNOWN_TOKENS[:2]:
        path = pattern.sub(HIDDEN, path)
    if names or "/v2/" in path:
        return path
    # A registry's storage has its digests without their algorithm.
    stored = "sha256" in path
    return "/".join(
        part if stored and _HEX.fullmatch(part) else _RUN.sub(_run, part)
        for part in path.split("/")
    )


def _parameter(piece: str) -> str:
    name, equals, value = piece.partition("=")
    if _SEPARATOR.fullmatch(piece) or not piece:
        return piece
    if not equals or not _PARAMETER.fullmatch(name) or _RUN.sub(_run, name) != name:
        return HIDDEN
    if name not in _SHOWN_PARAMETERS:
        return f"{name}={HIDDEN}"
    for pattern in _KNOWN_TOKENS:
        value = pattern.sub(HIDDEN, value)
    return f"{name}={value}"


def _around(text: str, images: re.Pattern[str] | None) -> Iterator[str]:
    """What stands around URLs: images' names as they are, all else redacted."""
    done = 0
    for match in images.finditer(text) if images else ():
        if not _OPEN.search(text[max(done, match.start() - 80) : match.start()]):
            yield _plain(text[done : match.start()])
            yield match[0]
            done = match.end()
    yield _plain(text[done:])


def _plain(text: str) -> str:
    for pattern in _SECRETS:
        text = pattern.sub(_KEEPING[bool(pattern.groups)], text)
    return _RUN.sub(_run, _WORD.sub(_without_user, text))


_KEEPING: tuple[Callable[[re.Match[str]], str], ...] = (
    lambda _: HIDDEN,
    lambda match: match["keep"] + HIDDEN,
)


def _without_user(match: re.Match[str]) -> str:
    """``user:password@host`` without what stands before the host."""
    word = match[0]
    ats = [m.start() for m in re.finditer("@", word) if not _DIGEST.match(word, m.end())]
    return f"{HIDDEN}{word[ats[-1] :]}" if ats and 0 <= word.find(":") < ats[-1] else word


def _run(match: re.Match[str]) -> str:
    """Long, with letters and digits: a token, unless it is a digest or a name in lower case."""
    run = match[0]
    if not (re.search(r"\d", run) and re.search("[A-Za-z]", run)):
        return run
    if _HEX.fullmatch(run) and _ALGORITHM.search(
        match.string, max(0, match.start() - 8), match.start()
    ):
        return run
    shapes = (_HEX_IN_RUN, _FILE, _LOWER_NAME)
    return run if any(shape.fullmatch(run) for shape in shapes) else HIDDEN
