"""The credentials that kubelet tries for an image, in its order, from a Pod's pull Secrets.

- Entries of all Secrets are filed by index (host and path). Indexes are gone through in reverse
  order of their bytes, so a longer path comes before a shorter one; under one index the Secrets
  come in the order of the Pod's list. Every entry whose index covers the image is tried until a
  pull succeeds; where there is none, the pull goes out without a login.
- Only where nothing else matched does the index ``index.docker.io`` count for images of Docker
  Hub, and for those on a host without dot and port, such as ``localhost``.
- One entry that does not decode ends the lookup for every image of the Pod, and kubelet does not
  come to the node's own credentials either.
- Entries of *one* Secret under *one* index (``gcr.io`` and ``https://gcr.io``) come out of a Go
  map, so their order differs from one pull to the next. Here they stand in the document's order.

After these, kubelet goes on to the node's own docker config and its credential provider plugins,
which nothing can see through the API.

Sources: Kubernetes v1.37 pkg/credentialprovider/keyring.go (``BasicDockerKeyring``),
pkg/credentialprovider/secrets/secrets.go (``MakeDockerKeyring``),
pkg/kubelet/images/image_manager.go (``makeLookupPullCredentialsFunc``) and
pkg/kubelet/kuberuntime/kuberuntime_image.go (``PullImage``)
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from regcred.core.credential import Credential
from regcred.core.errors import InvalidRegistry, UndecodableDockerConfig
from regcred.core.logins.image import DOCKER_HUB
from regcred.core.logins.registrykey import FALLBACK, index_matches, parse_registry
from regcred.core.logins.urlmatch import place

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from regcred.core.logins.dockerconfig import Entry
    from regcred.core.logins.image import ImageReference
    from regcred.core.logins.pullsecret import PullSecret
    from regcred.core.logins.urlmatch import Place
    from regcred.core.problem import Problem


@dataclass(frozen=True, slots=True)
class Candidate:
    """A credential that kubelet tries for an image.

    Args:
        credential: username, password, and the registry key as it stands in the Secret; an
            identity token is the password of nobody.
        index: what kubelet files it under: host and path.
        source: where it stands: ``Secret team-a/regcred``, or a file.
        position: of that Secret in the Pod's list.
        useless: why there is no username in it, a clause; kubelet tries it all the same, and
            the pull goes out without a login. Empty for a usable one.
    """

    credential: Credential
    index: str
    source: str
    position: int
    useless: str = ""

    @property
    def registry(self) -> str:
        """The registry key, verbatim."""
        return self.credential.registry

    @property
    def is_identity_token(self) -> bool:
        """Whether its password is an identity token of docker's, which kubelet would ignore."""
        return not self.useless and not self.credential.username


@dataclass(frozen=True, slots=True)
class Broken:
    """A Secret that kubelet cannot decode.

    Args:
        error: why not.
        source: where it stands.
        index: of the entry that is broken; None where all of the document is, or where the
            entry's key is one that kubelet would drop.
    """

    error: UndecodableDockerConfig
    source: str
    index: str | None

    def may_concern(self, image: ImageReference) -> bool:
        """Whether what is broken would have matched the image, as far as can be told."""
        if self.error.registry is None:
            return True
        return self.index is not None and (
            index_matches(self.index, image.name) or (self.index == FALLBACK and falls_back(image))
        )


@dataclass(frozen=True, slots=True)
class Found:
    """What matches an image.

    Args:
        candidates: the credentials that kubelet tries, in its order.
        hidden: those under `FALLBACK` that it would have tried, had nothing else matched.
    """

    candidates: tuple[Candidate, ...]
    hidden: tuple[Candidate, ...] = ()


@dataclass(frozen=True, slots=True)
class Keyring:
    """The pull Secrets of one Pod; make one with `build`.

    Args:
        filed: index → candidates, in the order in which kubelet goes through them.
        places: the same, with what each index covers; without those that are no URL.
        dropped: (key, source) of the entries whose key kubelet cannot parse, and leaves out.
        broken: Secrets that do not decode; where there is one, kubelet uses none of `filed`.
        passed_over: why Secrets of the list yield nothing.
        sources: all Secrets of the list.
        namespace: theirs; may be empty.
    """

    filed: Mapping[str, tuple[Candidate, ...]]
    places: tuple[tuple[Place, tuple[Candidate, ...]], ...] = field(repr=False)
    dropped: tuple[tuple[str, str], ...]
    broken: tuple[Broken, ...]
    passed_over: tuple[Problem, ...]
    sources: tuple[str, ...]
    namespace: str

    @classmethod
    def build(cls, secrets: Iterable[PullSecret]) -> Keyring:
        """The keyring of a Pod that names these Secrets.

        Args:
            secrets: in the order of the Pod's list, with those that are missing
                (`regcred.core.logins.pullsecret.named`).
        """
        secrets = tuple(secrets)
        files = _Files()
        for position, secret in enumerate(secrets):
            files.add(secret, position)
        ordered = sorted(files.filed, key=_bytes, reverse=True)
        filed = {index: tuple(files.filed[index]) for index in ordered}
        return cls(
            filed,
            # kubelet parses the index a second time, and not all that it wrote is a URL again.
            tuple((covered, filed[i]) for i in ordered if (covered := place(i)) is not None),
            tuple(files.dropped),
            tuple(files.broken),
            tuple(files.passed_over),
            tuple(secret.source for secret in secrets),
            next((secret.namespace for secret in secrets if secret.namespace), ""),
        )

    def find(self, image: ImageReference) -> Found:
        """What matches the image; of use to kubelet only where nothing is `broken`."""
        pulled = place(image.name)
        candidates = tuple(
            candidate
            for covered, filed in self.places
            if pulled is not None and covered.covers(pulled)
            for candidate in filed
        )
        last_resort = self.filed.get(FALLBACK, ()) if falls_back(image) else ()
        return Found(candidates, last_resort) if candidates else Found(last_resort)


def falls_back(image: ImageReference) -> bool:
    """Whether `FALLBACK` counts for the image where nothing else matches.

    kubelet means Docker Hub, but takes every host without dot and port for it, and such are
    ``localhost`` and those with an upper-case letter (``isDefaultRegistryMatch``).
    """
    return image.domain == DOCKER_HUB or not set(image.domain) & set(".:")


class _Files:
    """The entries of Secrets, while they are being filed."""

    def __init__(self) -> None:
        self.filed: defaultdict[str, list[Candidate]] = defaultdict(list)
        self.dropped: list[tuple[str, str]] = []
        self.broken: list[Broken] = []
        self.passed_over: list[Problem] = []

    def add(self, secret: PullSecret, position: int) -> None:
        if problem := secret.passed_over():
            self.passed_over.append(problem)
            return
        try:
            config = secret.docker_config()
        except UndecodableDockerConfig as error:
            index = _index(error.registry) if error.registry is not None else None
            self.broken.append(Broken(error, secret.source, index))
            return
        if problem := secret.wrong_form(config):
            self.passed_over.append(problem)
        for entry in config.values():
            self._file(entry, secret, position)

    def _file(self, entry: Entry, secret: PullSecret, position: int) -> None:
        source = secret.source
        index = _index(entry.registry)
        if index is None:
            self.dropped.append((entry.registry, source))
            return
        credential, useless = entry.credential, entry.useless
        if secret.identity_tokens and entry.identity_token:
            credential, useless = Credential(entry.registry, "", entry.identity_token), ""
        candidate = Candidate(credential, index, source, position, useless)
        self.filed[index].append(candidate)


def _index(registry: str) -> str | None:
    try:
        return parse_registry(registry).index
    except InvalidRegistry:
        return None


def _bytes(index: str) -> bytes:
    # What is escaped in a key need not be UTF-8.
    return index.encode("utf-8", "surrogateescape")
