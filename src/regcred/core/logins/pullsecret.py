"""A Secret that a Pod names under ``imagePullSecrets``, read as kubelet reads it.

kubelet passes over a Secret that does not exist, is of another type, or lacks the one key that
belongs to its type; and it gives up on the whole Pod where the content does not decode. The
object may come from the API server or stand in a manifest, whose ``stringData`` the API server
would merge into ``data``.

Sources: Kubernetes v1.37 pkg/kubelet/kubelet_pods.go (``getPullSecretsForPod``),
pkg/credentialprovider/secrets/secrets.go and pkg/apis/core/v1/conversion.go
(``Convert_v1_Secret_To_core_Secret``)
"""

from __future__ import annotations

import binascii
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from regcred.core import marks
from regcred.core.errors import InvalidInput
from regcred.core.logins.dockerconfig import DockerConfig, parse_dockercfg, parse_dockerconfigjson
from regcred.core.logins.secret import DATA_KEY, DOCKERCFG, DOCKERCONFIGJSON
from regcred.core.problem import Problem, Reason, listed

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

LEGACY_KEY = ".dockercfg"

#: The one key that kubelet reads in a Secret of each type.
KEYS = {DOCKERCONFIGJSON: DATA_KEY, DOCKERCFG: LEGACY_KEY}

_OPAQUE = "Opaque"
_DIGIT = "[A-Za-z0-9+/]"
_BASE64 = re.compile(f"(?:{_DIGIT}{{4}})*(?:{_DIGIT}{{2}}==|{_DIGIT}{{3}}=)?")
_SURROGATE = re.compile("[\ud800-\udfff]")
_LOGIN = re.compile(r'^\{.*"(?:auth|username|password)"\s*:', re.IGNORECASE | re.DOTALL)


@dataclass(frozen=True, slots=True)
class PullSecret:
    """A Secret, as far as a pull is concerned.

    Args:
        name: its name.
        namespace: its namespace; may be empty for one in a manifest.
        type: its type.
        data: key → content, not in base64; None where there is no such Secret.
        origin: where a docker config comes from that is in no Secret (`of_docker_config`).
        identity_tokens: whether identity tokens count: they do for docker, not for kubelet.
        kept_by: who keeps it (`regcred.core.marks`); empty for others.
        brought: whether it stands in a manifest, and not in the cluster.
        fixed: whether its data can never change (``immutable``).
    """

    name: str
    namespace: str = ""
    type: str = _OPAQUE
    data: Mapping[str, bytes] | None = field(default=None, repr=False)
    origin: str = ""
    identity_tokens: bool = False
    kept_by: str = ""
    brought: bool = False
    fixed: bool = False

    @classmethod
    def from_object(cls, obj: Mapping[str, Any], *, brought: bool = False) -> PullSecret:
        """The Secret of an object.

        Args:
            obj: as it was read from the API server, or stands in a manifest.
            brought: whether it is the latter.

        Raises:
            InvalidInput: its data is nothing that the API server would take.
        """
        metadata = _mapping(obj, "metadata", "the Secret")
        name, namespace = (str(metadata.get(key) or "") for key in ("name", "namespace"))
        secret = cls(name, namespace, str(obj.get("type") or _OPAQUE))
        data = {
            key: _decode(value, f"{secret.source}: data[{key}]")
            for key, value in _mapping(obj, "data", secret.source).items()
        }
        for key, value in _mapping(obj, "stringData", secret.source).items():
            text = _string(value, f"{secret.source}: stringData[{key}]")
            data[key] = _SURROGATE.sub("\ufffd", text).encode()
        kept_by = "" if brought else marks.kept_by({"metadata": metadata})
        return cls(
            name,
            namespace,
            secret.type,
            data,
            kept_by=kept_by,
            brought=brought,
            fixed=obj.get("immutable") is True,
        )

    @classmethod
    def of_docker_config(
        cls, content: bytes, path: str, *, identity_tokens: bool = False
    ) -> PullSecret:
        """What a pull Secret made of a ``config.json`` would be.

        Args:
            content: of the file.
            path: of the file, for messages.
            identity_tokens: take those too, which kubelet would ignore.
        """
        data = {DATA_KEY: content}
        return cls("", "", DOCKERCONFIGJSON, data, path, identity_tokens)

    @property
    def source(self) -> str:
        """What to call it in messages: ``Secret team-a/regcred``, or the file."""
        name = f"{self.namespace}/{self.name}" if self.namespace else self.name
        return self.origin or f"Secret {name}"

    @property
    def legacy(self) -> bool:
        """Whether it is of the legacy type, whose content is the flat form."""
        return self.type == DOCKERCFG

    def passed_over(self) -> Problem | None:
        """Why kubelet acts as if it were not there; None where it reads it."""
        if self.data is None:
            return Problem(
                Reason.SECRET_MISSING,
                f"{self.source} does not exist, and kubelet passes over it",
                f"kubectl get secrets{self._in_namespace()} lists those that do",
                self.source,
            )
        if self.type not in KEYS:
            return self._wrong(f"kubelet reads only {DOCKERCONFIGJSON} and {DOCKERCFG}")
        key = KEYS[self.type]
        if key not in self.data:
            has = listed(sorted(self.data)) or "nothing"
            return self._wrong(f"kubelet reads only the key {key} of it; it has {has}")
        if not self.data[key]:
            return self._wrong("it is empty" if self.origin else f"its key {key} is empty")
        return None

    def docker_config(self) -> DockerConfig:
        """What is in it. Only for one that is not `passed_over`.

        Raises:
            UndecodableDockerConfig: kubelet could not decode it.
        """
        content = (self.data or {})[KEYS[self.type]]
        parse = parse_dockercfg if self.legacy else parse_dockerconfigjson
        return parse(content, source=self.source)

    def wrong_form(self, config: DockerConfig) -> Problem | None:
        """Whether its content has the other type's form: it decodes, and no login is found."""
        if self.legacy and "auths" in config:
            return self._wrong(f"its content has the form that belongs to {DOCKERCONFIGJSON}")
        if not self.legacy and not config and any(map(_LOGIN.match, config.others.values())):
            return self._wrong("its entries stand at the top and not under auths")
        return None

    def _wrong(self, why: str) -> Problem:
        if self.origin:
            return Problem(Reason.WRONG_SECRET_TYPE, f"{self.source}: {why}", "", self.source)
        return Problem(
            Reason.WRONG_SECRET_TYPE,
            f"{self.source} is of type {self.type}: {why}",
            "a Secret's type never changes, so look what is in it, and make it anew: "
            f"kubectl delete secret {self.name}{self._in_namespace()} && "
            f"regcred login REGISTRY{self._in_namespace()} --name {self.name}",
            self.source,
        )

    def _in_namespace(self) -> str:
        return f" -n {self.namespace}" if self.namespace else ""


def named(
    names: Iterable[str], namespace: str, secrets: Mapping[tuple[str, str], PullSecret]
) -> list[PullSecret]:
    """The Secrets that a Pod's list stands for, in its order; those that are missing included.

    Args:
        names: of the Pod's ``imagePullSecrets``; an empty one is passed over without a word.
        namespace: the Pod's; Secrets of others are out of reach.
        secrets: those that exist, by namespace and name.
    """
    return [secrets.get((namespace, name)) or PullSecret(name, namespace) for name in names if name]


def _mapping(obj: Mapping[str, Any], key: str, what: str) -> Mapping[str, Any]:
    value = obj.get(key)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise InvalidInput(
            f"{what}: {key} is not a mapping, and the API server refuses it",
            hint="kubectl explain secret.data",
        )
    return value


def _string(value: Any, what: str) -> str:
    if value is None:
        return ""
    if not isinstance(value, str):
        raise InvalidInput(
            f"{what} must be a string",
            hint="put it in quotes",
        )
    return value


def _decode(value: Any, what: str) -> bytes:
    """Base64 as Go reads it into bytes: padded; line ends are passed over."""
    text = re.sub("[\r\n]", "", _string(value, what))
    if not _BASE64.fullmatch(text):
        raise InvalidInput(
            f"{what} is not base64, and the API server refuses it",
            hint="write what is not in base64 under stringData",
        )
    return binascii.a2b_base64(text)
