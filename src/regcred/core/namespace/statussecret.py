"""A pull Secret as ``regcred status`` shows it: who keeps it, its registries, when they expire.

It is read as kubelet reads it (`regcred.core.logins.pullsecret`); no password is kept.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from regcred.core import marks
from regcred.core.errors import InvalidInput, InvalidRegistry, UndecodableDockerConfig
from regcred.core.logins import claim, expiry, gcpkey
from regcred.core.logins.pullsecret import KEYS, PullSecret
from regcred.core.logins.registrykey import parse_registry, without_user
from regcred.core.problem import Reason

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from regcred.core.logins.dockerconfig import Entry

#: A service account key never ends by itself, as it stands or in base64.
_STATIC_USERS = frozenset({gcpkey.USERNAME, f"{gcpkey.USERNAME}_base64"})


@dataclass(frozen=True, slots=True)
class SeenLogin:
    """One entry of a pull Secret.

    Args:
        registry: its key, fit to be shown.
        index: what kubelet files it under: host and path; None for one that it drops.
        expires: when the password expires, where it says so itself, or login noted it.
        static: whether it is of a kind that never expires.
        short_lived: whether it is of a kind that lives for an hour or so and does not say when
            it ends.
        useless: why kubelet gets no username out of it, a clause; empty for a usable entry.
        giver: the PullCredential that it came from; empty for none.
        kept: whether who keeps the Secret wrote it: others' logins stay in one that was adopted.
    """

    registry: str
    index: str | None
    expires: datetime | None = None
    static: bool = False
    short_lived: bool = False
    useless: str = ""
    giver: str = ""
    kept: bool = True


@dataclass(frozen=True, slots=True)
class SeenSecret:
    """One pull Secret.

    Args:
        name: its name.
        managed_by: who keeps it; empty where nothing says so.
        logins: its entries; empty for one of which kubelet reads nothing.
        expires: when the first of what regcred wrote into it expires, as it noted there; None
            where that is noted of each login.
        reason: why kubelet gets nothing out of it; None where it does.
        message: the same in words.
        registry: the key of the entry that does not decode; empty for all of the document.
        kept_before: who kept it before it was adopted; empty where nothing says so.
    """

    name: str
    managed_by: str = ""
    logins: tuple[SeenLogin, ...] = ()
    expires: datetime | None = None
    reason: Reason | None = None
    message: str = ""
    registry: str = ""
    kept_before: str = ""


def see_secret(obj: dict[str, Any]) -> SeenSecret:
    """What there is to know of a pull Secret, as it was read from the API server."""
    name, keeper = str(obj["metadata"]["name"]), managed_by(obj)

    def bad(reason: Reason, message: str, registry: str = "") -> SeenSecret:
        return SeenSecret(name, keeper, reason=reason, message=message, registry=registry)

    try:
        secret = PullSecret.from_object(obj)
        if problem := secret.passed_over():
            return bad(problem.reason, problem.message)
        config = secret.docker_config()
    except UndecodableDockerConfig as error:
        return bad(Reason.SECRET_MALFORMED, error.message, without_user(error.registry or ""))
    except InvalidInput as error:
        return bad(Reason.SECRET_MALFORMED, error.message)
    if not config:
        if problem := secret.wrong_form(config):
            return bad(problem.reason, problem.message)
        return bad(Reason.NO_CREDENTIAL, f"{secret.source} holds no login")
    givers = marks.read_owners(obj) if keeper == marks.OPERATOR else {}
    ends = marks.read_ends(obj)
    logins = [_see_login(entry, givers, ends) for entry in config.values()]
    if keeper == marks.LOGIN and marks.adopted(obj):
        ours = marks.read_names(obj, marks.REGISTRIES)
        logins = [
            login if key in ours else replace(login, kept=False)
            for key, login in zip(config, logins, strict=True)
        ]
    noted = None if ends else marks.expires_at(obj)
    return SeenSecret(name, keeper, tuple(logins), noted, kept_before=marks.kept_before(obj))


def managed_by(obj: dict[str, Any]) -> str:
    """Who keeps a Secret: regcred by its marks, else who says so, else who wrote its data.

    Source: https://kubernetes.io/docs/reference/using-api/server-side-apply/#managers
    """
    if keeper := marks.kept_by(obj):
        return keeper
    if said := (obj["metadata"].get("labels") or {}).get(marks.MANAGED_BY):
        return str(said)
    field_name = f"f:{KEYS.get(str(obj.get('type')), '')}"
    writers = [
        (str(entry.get("time") or ""), str(entry.get("manager") or ""))
        for entry in obj["metadata"].get("managedFields") or []
        if field_name in ((entry.get("fieldsV1") or {}).get("f:data") or {})
    ]
    return max(writers)[1] if writers else ""


def _see_login(entry: Entry, givers: Mapping[str, str], ends: Mapping[str, datetime]) -> SeenLogin:
    try:
        index = parse_registry(entry.registry).index
    except InvalidRegistry:
        index = None
    shown = without_user(entry.registry)
    giver = givers.get(claim.identity(entry.registry) or "", "")
    if entry.useless:
        return SeenLogin(shown, index, useless=entry.useless, giver=giver)
    token = expiry.is_access_token(entry.username, entry.password)
    expires = expiry.expires(entry.password) or ends.get(entry.registry)
    return SeenLogin(
        shown,
        index,
        expires,
        static=expires is None and entry.username in _STATIC_USERS,
        short_lived=expires is None and token,
        giver=giver,
    )
