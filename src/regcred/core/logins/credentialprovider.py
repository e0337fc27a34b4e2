"""What kubelet says to its credential provider plugins, and what they answer.

A plugin finds a CredentialProviderRequest with an image on its standard input, and prints a
CredentialProviderResponse: logins under keys as in a docker config, and for how long kubelet may
keep them. Both sides are here: sources ask plugins (`request`, `read`), and ``regcred
credential-provider`` is one (`read_request`, `answer`).

Specification: https://kubernetes.io/docs/reference/config-api/kubelet-credentialprovider.v1/
Source: Kubernetes v1.37 pkg/credentialprovider/plugin/plugin.go (``ExecPlugin``, ``provide``)
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from regcred.core.credential import Credential, Password
from regcred.core.errors import InvalidInput, InvalidRegistry
from regcred.core.formats import duration
from regcred.core.logins import claim
from regcred.core.logins.registrykey import matches, parse_registry

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

#: Of the protocol, newest first.
API_VERSIONS = tuple(
    f"credentialprovider.kubelet.k8s.io/{version}" for version in ("v1", "v1beta1", "v1alpha1")
)
_CACHE_KEY_TYPES = ("Image", "Registry", "Global")


class BadRequest(ValueError):
    """Nothing that kubelet asks; the message says why, in a clause. Callers translate it."""


class BadResponse(ValueError):
    """kubelet would make nothing of it; the message says why, in a clause. Callers translate it."""


@dataclass(frozen=True, slots=True)
class Request:
    """What kubelet asks; make one with `read_request`.

    Args:
        image: that is to be pulled.
        api_version: one of `API_VERSIONS`; the answer has to be of the same.
        token: of the Pod's ServiceAccount, where kubelet is told to send one.
    """

    image: str
    api_version: str
    token: Password | None = None


@dataclass(frozen=True, slots=True)
class Response:
    """What a plugin answered; make one with `read`.

    Args:
        credentials: in the order in which kubelet would try them.
        seconds: for how long they may be kept; None where the plugin leaves that to others.
    """

    credentials: tuple[Credential, ...]
    seconds: float | None

    def login(self, registry: str, image: str) -> Credential | None:
        """The login for a registry; None where there is none.

        Args:
            registry: a registry key that can be claimed. The credential is for it.
            image: the normalized name of the image that the plugin was asked about.
        """
        is_of_it = matches(registry, image)
        identity = claim.identity(registry) or ""
        for each in self.credentials:
            if (is_of_it and matches(each.registry, image)) or claim.covers(
                each.registry, identity
            ):
                return Credential(registry, each.username, each.password)
        return None


def request(image: str, api_version: str) -> bytes:
    """What a plugin is asked.

    Args:
        image: that would be pulled.
        api_version: one of `API_VERSIONS`.
    """
    asked = {"kind": "CredentialProviderRequest", "apiVersion": api_version, "image": image}
    return json.dumps(asked).encode()


def read_request(stdin: bytes) -> Request:
    """What kubelet asks a plugin.

    Args:
        stdin: all of it.

    Raises:
        BadRequest: see there.
    """
    try:
        asked = json.loads(stdin)
    except (ValueError, RecursionError):
        raise BadRequest("it is not JSON") from None
    if not isinstance(asked, dict) or asked.get("kind") != "CredentialProviderRequest":
        raise BadRequest("it is not of the kind CredentialProviderRequest")
    version, image = asked.get("apiVersion"), asked.get("image")
    if version not in API_VERSIONS:
        raise BadRequest(f"its apiVersion is none of {', '.join(API_VERSIONS)}")
    if not isinstance(image, str) or not image:
        raise BadRequest("it names no image")
    token = asked.get("serviceAccountToken") or ""
    if not isinstance(token, str):
        raise BadRequest("its serviceAccountToken is not a string")
    return Request(image, version, Password(token) if token else None)


def answer(api_version: str, credentials: Iterable[Credential], seconds: float | None) -> str:
    """What a plugin prints.

    Args:
        api_version: that it was asked in.
        credentials: logins for the image; their registries become keys.
        seconds: for how long kubelet may keep them; 0 for not at all, None for as long as kubelet's
            own configuration says.
    """
    said: dict[str, Any] = {
        "kind": "CredentialProviderResponse",
        "apiVersion": api_version,
        "cacheKeyType": "Registry",
        "auth": {
            each.registry: {"username": each.username, "password": each.password.reveal()}
            for each in credentials
        },
    }
    if seconds is not None:
        said["cacheDuration"] = f"{int(seconds)}s"
    return json.dumps(said)


def read(stdout: bytes, api_version: str) -> Response:
    """What a plugin printed.

    Args:
        stdout: all of it.
        api_version: that it was asked in.

    Raises:
        BadResponse: see there.
    """
    try:
        answer = json.loads(stdout)
    except (ValueError, RecursionError):
        raise BadResponse("it is not JSON") from None
    if not isinstance(answer, dict):
        raise BadResponse("it is not an object")
    if answer.get("kind") != "CredentialProviderResponse":
        raise BadResponse("it is not of the kind CredentialProviderResponse")
    if answer.get("apiVersion") != api_version:
        raise BadResponse(f"it is not of the apiVersion {api_version}")
    if answer.get("cacheKeyType") not in _CACHE_KEY_TYPES:
        raise BadResponse(f"its cacheKeyType is none of {', '.join(_CACHE_KEY_TYPES)}")
    found = sorted(_logins(answer.get("auth")), key=_index, reverse=True)
    return Response(tuple(found), _seconds(answer.get("cacheDuration")))


def _logins(auth: Any) -> Iterator[Credential]:
    """Those that are logins; a plugin that has none for an image may well say so."""
    if auth is None:
        return
    if not isinstance(auth, dict):
        raise BadResponse("its auth is not an object")
    for key, entry in auth.items():
        if not isinstance(entry, dict):
            raise BadResponse("an entry of its auth is not an object")
        username, password = entry.get("username") or "", entry.get("password") or ""
        if not isinstance(username, str) or not isinstance(password, str):
            raise BadResponse("a username or password of its auth is not a string")
        if username and password and _is_registry(key):
            yield Credential(key, username, Password(password))


def _seconds(text: Any) -> float | None:
    if text is None:
        return None
    try:
        seconds = duration.seconds(text) if isinstance(text, str) else None
    except InvalidInput:
        seconds = None
    if seconds is None:
        raise BadResponse("its cacheDuration is not a duration such as 10m0s")
    # Nothing is to be kept: that says how kubelet shall ask, and not how long it is good.
    return seconds or None


def _is_registry(key: str) -> bool:
    try:
        parse_registry(key)
    except InvalidRegistry:
        return False  # kubelet drops it
    return True


def _index(credential: Credential) -> bytes:
    return parse_registry(credential.registry).index.encode("utf-8", "surrogatepass")
