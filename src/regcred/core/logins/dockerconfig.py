"""Docker configs: the ``{"auths": {…}}`` document in a pull Secret, and its legacy flat form.

Read as kubelet reads them. It knows two kinds of broken, and regcred keeps them apart:

- *undecodable*: one such entry fails the whole lookup of every Pod that uses the Secret, whatever
  it pulls. Parsing raises `UndecodableDockerConfig`.
- *useless*: the entry decodes and matches, but with no username, so the pull goes out anonymous.
  Parsing keeps it, `Entry.useless` says why, and `DockerConfig.require_usable` refuses it.

Written as kubectl writes them (`regcred.core.logins.authentry`); entries that are not touched stay
as they are.

Sources: Kubernetes v1.37 pkg/credentialprovider/config.go (``DockerConfigEntry.UnmarshalJSON``)
and https://kubernetes.io/docs/concepts/containers/images/#config-json
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from regcred.core.credential import Credential, Password
from regcred.core.errors import UndecodableDockerConfig, UselessDockerConfig
from regcred.core.formats import gojson
from regcred.core.logins import authentry
from regcred.core.logins.registrykey import display

if TYPE_CHECKING:
    from collections.abc import Iterable

    from regcred.core.formats.gojsonread import Member

_DIGIT = "[A-Za-z0-9+/]"
_BASE64 = re.compile(f"(?:{_DIGIT}{{4}})*(?:{_DIGIT}{{2}}(?:==)?|{_DIGIT}{{3}}=?)?")
_IDENTITY_TOKEN = "identitytoken"  # noqa: S105 - the name of a field
_IGNORED_TOKENS = (_IDENTITY_TOKEN, "registrytoken")
_FATAL = "kubelet then finds no credentials at all for a Pod that uses it"


@dataclass(frozen=True, slots=True)
class Entry:
    """One registry's entry, with the credential that kubelet takes from it.

    Args:
        registry: the key, verbatim.
        username: from ``auth`` if that is set, else from ``username``.
        password: likewise. Bytes that are not UTF-8 are lone surrogates, as in ``sys.argv``.
        email: carried along; nothing reads it.
        useless: why kubelet gets no username out of it, a clause; empty for a usable entry.
        raw: the entry's JSON, as it was read or built.
        identity_token: what docker logs in with in place of the password; kubelet ignores it.
    """

    registry: str
    username: str
    password: Password
    email: str
    useless: str
    raw: str = field(repr=False)
    identity_token: Password = field(default_factory=lambda: Password(""))

    @property
    def credential(self) -> Credential:
        """What kubelet would use."""
        return Credential(self.registry, self.username, self.password, self.email)

    def holds(self, credential: Credential) -> bool:
        """Whether kubelet takes this username and password from the entry already."""
        return (
            self.registry == credential.registry
            and self.username == credential.username
            and self.password == credential.password
            and credential.email in ("", self.email)
        )


@dataclass(frozen=True, slots=True)
class DockerConfig(Mapping[str, Entry]):
    """Registry key → `Entry`, in the order of the document. Immutable.

    Args:
        entries: the entries.
        others: what stands at the top beside them: name → JSON text; ``auths`` marks their place.
    """

    entries: Mapping[str, Entry] = field(default_factory=dict)
    others: Mapping[str, str] = field(default_factory=lambda: {"auths": ""}, repr=False)

    def __getitem__(self, registry: str) -> Entry:
        return self.entries[registry]

    def __iter__(self) -> Iterator[str]:
        return iter(self.entries)

    def __len__(self) -> int:
        return len(self.entries)

    def with_credential(self, credential: Credential) -> DockerConfig:
        """A copy with the credential under its registry: in place, or as the last entry."""
        entry = _build_entry(credential)
        return replace(self, entries={**self.entries, credential.registry: entry})

    def with_identity_token(self, registry: str, token: Password) -> DockerConfig:
        """The same with an identity token, as docker writes it."""
        raw = gojson.dumps(token.reveal())
        raw = authentry.build_object([(_IDENTITY_TOKEN, raw)])
        ignored = _ignored(_IDENTITY_TOKEN)
        entry = Entry(registry, "", Password(""), "", ignored, raw, token)
        return replace(self, entries={**self.entries, registry: entry})

    def without(self, registry: str) -> DockerConfig:
        """A copy without `registry`, which need not be there."""
        return replace(self, entries={k: e for k, e in self.entries.items() if k != registry})

    def require_usable(self, source: str) -> None:
        """Make sure that there are entries, and that kubelet gets a login out of each.

        Args:
            source: where the document comes from, for the message.

        Raises:
            UselessDockerConfig: there is none, or one is useless; the message names it.
        """
        if not self.entries:
            raise UselessDockerConfig(
                f"{source} has no login in it: there are no entries under auths",
                hint='the form is {"auths": {"REGISTRY": {"auth": "…"}}}',
            )
        for entry in self.entries.values():
            if entry.useless:
                raise UselessDockerConfig(
                    f"{source}: entry {display(entry.registry)} has no login that kubelet could "
                    f"use: {entry.useless}",
                    hint="give username and password; logins that docker keeps in a credential "
                    "helper are read with --from-docker-config",
                )

    def to_json(self) -> bytes:
        """The document in the ``auths`` form: compact, what was not touched verbatim."""
        auths = authentry.build_object((key, entry.raw) for key, entry in self.entries.items())
        document = authentry.build_object({**self.others, "auths": auths}.items())
        return document.encode("utf-8", "surrogateescape")


def parse_dockerconfigjson(data: bytes | str, *, source: str) -> DockerConfig:
    """Parse the content of ``.dockerconfigjson`` (or of a ``config.json``) as kubelet does.

    Args:
        data: the document.
        source: where it comes from, for messages: ``Secret team-a/regcred``, a path.

    Raises:
        UndecodableDockerConfig: kubelet could not decode it; the message names the entry.
    """
    entries: dict[str, Entry] = {}
    others: dict[str, str] = {}
    for member in _members(_read(data, source), source, "the document"):
        if member.is_named("auths"):
            # A name that comes twice is decoded into the same map; null empties it.
            if member.kind == "null":
                entries.clear()
            entries |= _entries(_members(member, source, "auths"), source)
            others["auths"] = ""
            continue
        if member.is_named("httpheaders"):
            for header in _members(member, source, member.name):
                _string(header, source, member.name)
        others[member.name] = member.raw
    others.setdefault("auths", "")
    return DockerConfig(entries, others)


def parse_dockercfg(data: bytes | str, *, source: str) -> DockerConfig:
    """Parse the content of a legacy ``.dockercfg``, where the entries are the document.

    Args:
        data: the document.
        source: where it comes from, for messages.

    Raises:
        UndecodableDockerConfig: kubelet could not decode it; the message names the entry.
    """
    return DockerConfig(_entries(_members(_read(data, source), source, "the document"), source))


def decode_auth(auth: str) -> tuple[str, Password]:
    """Username and password from an ``auth`` field, as kubelet decodes it.

    Standard base64, padded or not, line ends ignored; split at the first colon.

    Raises:
        UndecodableDockerConfig: it is not base64, or has no colon; it is never shown.
    """
    compact = auth.replace("\r", "").replace("\n", "")
    if not _BASE64.fullmatch(compact):
        raise UndecodableDockerConfig(
            "auth is not standard base64",
            hint="it is base64 of USER:PASSWORD; docker login REGISTRY writes it so, "
            "and so does: regcred secret NAME",
        )
    padding = "=" * (-len(compact) % 4)
    text = binascii.a2b_base64(compact + padding).decode("utf-8", "surrogateescape")
    username, colon, password = text.partition(":")
    if not colon:
        raise UndecodableDockerConfig(
            "auth has no colon between username and password",
            hint="it is base64 of USER:PASSWORD; docker login REGISTRY writes it so, "
            "and so does: regcred secret NAME",
        )
    return username, Password(password)


def _read(data: bytes | str, source: str) -> Member:
    from regcred.core.formats.gojsonread import NotJSON, read

    try:
        return read(data)
    except NotJSON as error:
        raise UndecodableDockerConfig(
            f"{source} is not a docker config: {error}",
            hint="docker login REGISTRY writes one, and a Secret of one: regcred secret NAME",
        ) from None


def _members(member: Member, source: str, what: str) -> Iterator[Member]:
    """The members of an object; ``null`` counts as an empty one."""
    if member.kind == "null":
        return iter(())
    if member.kind != "an object":
        raise UndecodableDockerConfig(
            f"{source}: {what} is {member.kind} and not an object; {_FATAL}",
            hint='the form is {"auths": {"REGISTRY": {"auth": "…"}}}',
        )
    return member.members()


def _entries(members: Iterable[Member], source: str) -> dict[str, Entry]:
    entries: dict[str, Entry] = {}
    for member in members:
        # An entry that a later one of the same name replaces must decode all the same.
        try:
            entries[member.name] = _parse_entry(member, source)
        except UndecodableDockerConfig as error:
            error.registry = member.name
            raise
    return entries


def _parse_entry(member: Member, source: str) -> Entry:
    what = f"entry {display(member.name)}"
    texts = dict.fromkeys(("username", "password", "email", "auth"), "")
    token = identity = ""
    for value in _members(member, source, what):
        for name in texts:
            # null leaves what an earlier field of the same name has set.
            if value.is_named(name) and value.kind != "null":
                texts[name] = _string(value, source, what)
        if value.name.lower() in _IGNORED_TOKENS and value.raw not in ('""', "null"):
            token = value.name
        if value.is_named(_IDENTITY_TOKEN) and value.kind == "a string":
            identity = value.string
    username, password = texts["username"], Password(texts["password"])
    if texts["auth"]:
        try:
            username, password = decode_auth(texts["auth"])
        except UndecodableDockerConfig as error:
            raise UndecodableDockerConfig(
                f"{source}: {what}: {error}; {_FATAL}",
                hint="auth is the base64 of USERNAME:PASSWORD, as docker login writes it",
            ) from None
    useless = "" if username else _useless(member, password, token)
    return Entry(
        member.name, username, password, texts["email"], useless, member.raw, Password(identity)
    )


def _useless(member: Member, password: Password, token: str) -> str:
    """Why there is no username."""
    if password:
        return "it has a password and no username"
    if token:
        return _ignored(token)
    return "it is null" if member.kind == "null" else "it has neither username nor password"


def _ignored(token: str) -> str:
    return f"it has only {token}, which kubelet ignores"


def _string(member: Member, source: str, what: str) -> str:
    if member.kind == "null":
        return ""
    if member.kind != "a string":
        raise UndecodableDockerConfig(
            f"{source}: {what}: {member.name} is {member.kind} and not a string; {_FATAL}",
            hint="docker login REGISTRY writes such entries; so does: regcred secret NAME",
        )
    return member.string


def _build_entry(credential: Credential) -> Entry:
    """The entry that kubectl would write, with what kubelet would read from it."""
    auth = authentry.encode_auth(credential.username, credential.password.reveal())
    username, password = decode_auth(auth)
    useless = "" if username else "it has no username"
    raw = authentry.build_entry(credential)
    return Entry(credential.registry, username, password, credential.email, useless, raw)
