"""What a runtime's complaint about a pull is made of: wrapping, the cause, a status, a host.

Each layer of kubelet and of the runtimes puts its words and ": " before what it got, so the text
says an image's name three or four times, and the cause once, at its end.
"""

from __future__ import annotations

import re

_STATUS = re.compile(
    r"(?<![\w.:/-])([345]\d\d) \(?[A-Z][a-z]"
    r"|(?i:status(?: ?code)?(?: \[[^\]]*\])?:? (?:from registry )?|http (?:status:? )?)"
    r"([345]\d\d)(?!\w)"
)

_QUOTED = r"\\*\"[^\"]*\""
#: kubelet's words about a Pod whose container did not start; the inner text is quoted.
_START = re.compile(
    r"(?:Error syncing pod, skipping: )?failed to \"StartContainer\" for \"[^\"]*\""
    r" with \w{1,40}: \"(.*)\"\Z"
)
#: What kubelet puts before the runtime's text.
_BEFORE = re.compile(
    rf"(?:Failed to pull image {_QUOTED}: |Back-off pulling image {_QUOTED}: |Error: (?=\S+ )"
    r"|(?:ErrImagePull|ImagePullBackOff|RegistryUnavailable|SignatureValidationFailed): "
    r"|image pull failed for \S+ because )+"
)
#: What the runtimes put around the cause, which says the image's name again or nothing.
_AMIDST = re.compile(
    r"rpc error: code = \w+ desc = |Error response from daemon: "
    rf"|failed to pull and unpack image {_QUOTED}: "
    rf"|failed to resolve (?:reference|image) {_QUOTED}: "
    r"|unable to pull image or OCI artifact: pull image err: "
    r"|(?i:(?<![\w])(?:error )?initializing source )docker://\S+: "
)
#: What others than the registry said: its mirrors (containers/image), and CRI-O's second try to
#: take an image for an OCI artifact.
_ASIDE = re.compile(r"\(Mirrors also failed: \[.*?\]\): |; artifact err: .*", re.DOTALL)
_URL = re.compile(r"(://)[^\s\"]*?(?=[.,:;)\]'\\]*(?:[\s\"]|\Z))")
#: Names of images, which may have any word in them.
_NAMES = re.compile(
    r"(?i:(image|image name|reference|tag|name)) \\*\"[^\"\s]*\""
    r"|(manifest|for|in) [\w.:@-]{1,300}/[\w./@-]{1,300}(?::[\w.-]{1,128})?(?=[:,\s])"
    r"|(?:^|(?<=: ))[\w.-]{1,300}(?::\d{1,5})?/[\w./-]{1,300}(?::[\w.-]{1,128})?(?=: )"
)

_ADDRESS = r"(\[[0-9A-Fa-f:.]+\](?::\d+)?|[A-Za-z0-9][\w.-]*(?::\d+)?)"
_USER = r"(?:\*+@)?"
#: Who was asked: of a request that is shown; of a ping; then of the image's name, for which a
#: mirror may have answered.
_HOSTS = tuple(
    re.compile(pattern)
    for pattern in (
        rf"(?:\b(?:Get|Head|Post|Put|GET|HEAD|POST|PUT)\b(?: request to)?|status(?: code)?"
        rf"|content at|endpoint|host) \\*\"?https?://{_USER}{_ADDRESS}",
        rf"pinging (?:container|docker) registry {_ADDRESS}(?=[\s:])",
        rf"\blookup {_ADDRESS}(?= on|: )",
        rf"\b(?:pulling from host|login attempt to https?://){_ADDRESS}",
        rf"(?:docker://|(?:reference|unpack image|resolve image) \\*\"|in |access denied for "
        rf"|manifest for |repository ){_ADDRESS}(?=/)",
    )
)
_PROXY_HOST = re.compile(rf"proxyconnect tcp: (?:dial tcp: lookup|dial tcp) {_ADDRESS}(?=[ :])")


def cause(text: str) -> str:
    """The cause alone; `text` itself where nothing else is left."""
    if match := _START.match(text):
        text = match[1].replace('\\"', '"')
    before = None
    while text != before:
        before, text = text, _AMIDST.sub("", _BEFORE.sub("", text, count=1) or text) or text
    return text


def words(text: str) -> str:
    """`text` without what others than the registry said, and without names and paths.

    So that an image's name, whatever it is, is not taken for what happened.
    """
    return _NAMES.sub(
        lambda match: match[1] or match[2] or "", _URL.sub(r"\1", _ASIDE.sub("", text))
    )


def statuses(plain: str) -> tuple[int, ...]:
    """The HTTP statuses that `words` speak of."""
    return tuple(int(match[1] or match[2]) for match in _STATUS.finditer(plain))


def host(text: str) -> str:
    """Who was asked, or could not be; empty where `text` does not say."""
    text = _ASIDE.sub("", text)
    for pattern in _HOSTS:
        for match in pattern.finditer(text):
            found = match[1].rstrip(".").lower()
            if "." in found or ":" in found or found == "localhost" or "//" in match[0]:
                return found
    return ""


def proxy(text: str) -> str:
    """The proxy that could not be reached; empty where `text` does not say."""
    match = _PROXY_HOST.search(text)
    return match[1].lower() if match else ""
