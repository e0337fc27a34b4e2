"""Read what stands under a kind of source, and say what is wrong in words that lead to it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from regcred.core.errors import MintFailed, Misconfigured
from regcred.core.logins.registrykey import is_loopback
from regcred.core.operator.source import SourceReason
from regcred.core.registry.peers import BadPeerURL, origin

if TYPE_CHECKING:
    from collections.abc import Mapping

    from regcred.minters.desk import Desk


def refuse(message: str, hint: str = "") -> Misconfigured:
    """What is configured cannot be meant, or lacks something: nobody has to be asked to know."""
    return Misconfigured(SourceReason.NOT_CONFIGURED, message, hint=hint)


def lacking(message: str, hint: str = "") -> MintFailed:
    """Something is missing, by the word of whoever was asked, or here beside the settings."""
    return MintFailed(SourceReason.NOT_CONFIGURED, message, hint=hint)


def text(settings: Mapping[str, Any], key: str, *, default: str | None = None) -> str:
    """A string; required unless there is a default.

    Raises:
        MintFailed: ``NotConfigured``.
    """
    value = settings.get(key)
    if value is None and default is not None:
        return default
    if not isinstance(value, str) or not value:
        raise refuse(f"{key} is required, and has to be a text")
    return value


def texts(settings: Mapping[str, Any], key: str) -> tuple[str, ...]:
    """A list of strings; empty for none.

    Raises:
        MintFailed: ``NotConfigured``.
    """
    value = settings.get(key)
    if value is None:
        return ()
    if not isinstance(value, list) or not all(isinstance(each, str) and each for each in value):
        raise refuse(f"{key} has to be a list of texts")
    return tuple(value)


def number(settings: Mapping[str, Any], key: str, *, default: int, least: int, most: int) -> int:
    """An integer between two bounds.

    Raises:
        MintFailed: ``NotConfigured``.
    """
    value = settings.get(key, default)
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise refuse(f"{key} has to be a number from {least:,} to {most:,}")
    return value


def mapping(settings: Mapping[str, Any], key: str) -> Mapping[str, Any] | None:
    """An object; None where it is not there.

    Raises:
        MintFailed: ``NotConfigured``.
    """
    value = settings.get(key)
    if value is not None and not isinstance(value, dict):
        raise refuse(f"{key} has to be an object")
    return value


def base_url(settings: Mapping[str, Any], key: str, default: str) -> str:
    """An https URL without a slash at its end; in clear to this machine alone.

    Raises:
        MintFailed: ``NotConfigured``.
    """
    given = text(settings, key, default=default)
    try:
        scheme, host, _ = origin(given)
        parts = urlsplit(given)
    except BadPeerURL:
        raise refuse(
            f"{key} has to be an https URL, as in https://registry.example.com, and without a login"
        ) from None
    if parts.query or parts.fragment:
        raise refuse(f"{key} has to be a URL without ? and #")
    if scheme != "https" and not is_loopback(host):
        raise refuse(f"{key} has to begin with https://, for a secret is sent there")
    return given.rstrip("/")


async def secret_text(
    settings: Mapping[str, Any], desk: Desk, key: str, *, ref: str = "secretRef"
) -> str:
    """What a key of the Secret that `ref` names holds, without the line end that editors leave.

    Args:
        settings: of the source.
        desk: to read it by.
        key: of the Secret, unless ``REF.key`` says another.
        ref: where the Secret's name stands: ``{name, key}``.

    Raises:
        MintFailed: ``NotConfigured``, or what the reading raises.
    """
    there = mapping(settings, ref)
    if there is None:
        raise refuse(f"{ref} is required", "it names a Secret in the operator's namespace")
    name = text(there, "name")
    key = text(there, "key", default=key)
    data = await desk.secret(name)
    if key not in data:
        has = ", ".join(sorted(data)) or "nothing"
        raise refuse(
            f"Secret {name} has no key {key}; it has {has}",
            f"rename the key, or set {ref}.key to the one to use",
        )
    try:
        found = data[key].decode()
    except UnicodeDecodeError:
        raise refuse(f"Secret {name}: its key {key} is not UTF-8") from None
    found = found.removesuffix("\n").removesuffix("\r")
    if not found:
        raise refuse(f"Secret {name}: its key {key} is empty")
    return found
