"""Sources that keep their credential in a Secret: a login, a docker config, a Google key.

The Secret lives in the operator's own namespace, where alone it may read others than its own.

========================  ==============================================  ======================
source                    the Secret                                      its key
========================  ==============================================  ======================
``basic``                 ``kubernetes.io/basic-auth``, or any other      ``username``,
                                                                          ``password``
``dockerConfig``          ``kubernetes.io/dockerconfigjson``, or the      that of its type; else
                          legacy ``kubernetes.io/dockercfg``, or any      ``.dockerconfigjson``
                          other
``googleServiceAccount``  any                                             ``key.json``
========================  ==============================================  ======================

Sources: https://kubernetes.io/docs/concepts/configuration/secret/#secret-types
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from regcred.core import marks
from regcred.core.credential import Credential, Password
from regcred.core.errors import InvalidInput
from regcred.core.logins import claim, gcpkey
from regcred.core.logins.dockerconfig import parse_dockercfg, parse_dockerconfigjson
from regcred.core.logins.pullsecret import KEYS, LEGACY_KEY, PullSecret
from regcred.core.logins.registrykey import display, never_matches, without_user
from regcred.core.logins.secret import DATA_KEY, DOCKERCFG
from regcred.core.operator.source import SourceFailure, SourceReason, fragment

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from regcred.core.logins.dockerconfig import DockerConfig
    from regcred.core.operator.pullcredential import SecretRef, Spec
    from regcred.core.operator.source import Fragment

_GOOGLE_KEY = "key.json"
_WARNINGS = {
    "googleServiceAccount": (
        "the key never expires by itself: googleArtifactRegistry hands out tokens in its place, "
        "which last for an hour",
    )
}
_NO_LOGIN = "docker keeps logins in a credential helper unless it is told not to"


class _Malformed(Exception):
    """It is not what the source takes."""

    def __init__(self, message: str, hint: str = "", *, reason: str = "") -> None:
        super().__init__(message)
        self.message, self.hint = message, hint
        self.reason = SourceReason(reason or SourceReason.MALFORMED)


def read(spec: Spec, secret: Mapping[str, Any] | None, namespace: str) -> Fragment | SourceFailure:
    """What a static source gives.

    Args:
        spec: of the PullCredential.
        secret: the Secret that `SourceSpec.secret` names, as it was read; None for none.
        namespace: the operator's own, for messages.
    """
    ref = spec.source.secret
    if ref is None:
        return SourceFailure(
            SourceReason.UNSUPPORTED,
            f"a source of kind {spec.source.kind} is not supported by this version of regcred",
            "upgrade the operator",
        )
    where = f"Secret {namespace}/{ref.name}"
    if secret is None:
        return SourceFailure(
            SourceReason.MISSING,
            f"{where} does not exist",
            f"make it: {_COMMANDS[spec.source.kind].format(name=ref.name, namespace=namespace)}",
        )
    if marks.kept_by(dict(secret)) == marks.OPERATOR:
        return SourceFailure(
            SourceReason.MALFORMED,
            f"{where} is what the operator itself writes, and cannot be its source",
            "copy it under another name",
        )
    try:
        credentials, left_out = _READERS[spec.source.kind](
            PullSecret.from_object(secret), ref, spec
        )
    except _Malformed as error:
        return SourceFailure(error.reason, error.message, error.hint)
    except InvalidInput as error:
        return SourceFailure(SourceReason.MALFORMED, error.message, error.hint)
    found = fragment(credentials, where, left_out=left_out)
    if isinstance(found, SourceFailure):
        return found
    return replace(found, warnings=_WARNINGS.get(spec.source.kind, ()))


_Read = tuple[list[Credential], tuple[str, ...]]


def _basic(secret: PullSecret, _: SecretRef, spec: Spec) -> _Read:
    username, password = (_line(secret, key) for key in ("username", "password"))
    if not username:
        raise _Malformed(f"{secret.source}: its key username is empty")
    return [Credential(each, username, Password(password)) for each in spec.registries], ()


def _google(secret: PullSecret, ref: SecretRef, spec: Spec) -> _Read:
    key = ref.key or _GOOGLE_KEY
    content, source = _content(secret, key), f"key {key} of {secret.source}"
    return gcpkey.credentials(content, list(spec.registries), source=source), ()


def _docker_config(secret: PullSecret, ref: SecretRef, spec: Spec) -> _Read:
    key = ref.key or KEYS.get(secret.type, DATA_KEY)
    legacy = key == LEGACY_KEY or (secret.type == DOCKERCFG and not ref.key)
    parse = parse_dockercfg if legacy else parse_dockerconfigjson
    config = parse(_content(secret, key), source=secret.source)
    if problem := PullSecret("", type=secret.type, origin=secret.source).wrong_form(config):
        raise _Malformed(problem.message)
    credentials, left_out = [], []
    for entry in config.values():
        if never_matches(entry.registry):
            left_out.append(f"{display(entry.registry)}: {never_matches(entry.registry)}")
        elif _wanted(entry.registry, spec):
            if entry.useless:
                raise _Malformed(
                    f"{secret.source}: entry {display(entry.registry)} has no login that kubelet "
                    f"could use: {entry.useless}",
                    f"list the registries that are meant under registries; {_NO_LOGIN}",
                )
            credentials.append(entry.credential)
    _all_there(secret, spec, config)
    return credentials, tuple(left_out)


def _wanted(registry: str, spec: Spec) -> bool:
    identity = claim.identity(registry) or ""
    return not spec.registries or any(claim.covers(each, identity) for each in spec.registries)


def _all_there(secret: PullSecret, spec: Spec, config: DockerConfig) -> None:
    """Make sure that there is an entry for each registry that the PullCredential lists."""
    there = [identity for each in config if (identity := claim.identity(each))]
    for wanted in spec.registries:
        if not any(claim.covers(wanted, each) for each in there):
            raise _Malformed(
                f"{secret.source} has no login for {without_user(wanted)}",
                f"log in to it there, or take it out of registries; {_NO_LOGIN}",
                reason=SourceReason.REGISTRY_MISSING,
            )


def _content(secret: PullSecret, key: str) -> bytes:
    data = secret.data or {}
    if key not in data:
        has = ", ".join(sorted(data)) or "nothing"
        raise _Malformed(
            f"{secret.source} has no key {key}; it has {has}", "secretRef.key names another"
        )
    return data[key]


def _line(secret: PullSecret, key: str) -> str:
    """A username or password, without the line end that ``echo`` and editors leave."""
    try:
        text = _content(secret, key).decode()
    except UnicodeDecodeError:
        raise _Malformed(f"{secret.source}: its key {key} is not UTF-8") from None
    except _Malformed as error:
        raise _Malformed(error.message, "basic reads the keys username and password") from None
    return text.removesuffix("\n").removesuffix("\r")


_READERS: dict[str, Callable[[PullSecret, SecretRef, Spec], _Read]] = {
    "basic": _basic,
    "dockerConfig": _docker_config,
    "googleServiceAccount": _google,
}
_COMMANDS = {
    "basic": "kubectl create secret generic {name} -n {namespace} "
    "--type=kubernetes.io/basic-auth --from-literal=username=… --from-file=password=FILE",
    "dockerConfig": "regcred secret {name} -n {namespace} --from-docker-config",
    "googleServiceAccount": "kubectl create secret generic {name} -n {namespace} "
    "--from-file=key.json",
}
