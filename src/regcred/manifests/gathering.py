"""Read manifests for what decides about pulls: Pod templates, ServiceAccounts, Secrets."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from regcred.core import documents, utf8
from regcred.core.errors import InvalidInput, InvalidManifest
from regcred.core.manifestpath import FIELD
from regcred.core.plainobjects import Reader
from regcred.core.podreading import names, templates
from regcred.core.pullsecret import PullSecret
from regcred.manifests import sources

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from regcred.core.effective import Place
    from regcred.core.manifestpath import KindPath
    from regcred.core.plainobjects import PlainObject
    from regcred.core.podtemplate import PodTemplate
    from regcred.manifests.sources import Source

#: The command that takes manifests from standard input, for hints.
VERB = "check -f -"


@dataclass(slots=True)
class Manifests:
    """What there is in streams.

    Args:
        templates: Pods and templates of Pods.
        accounts: ServiceAccounts → the names in their lists.
        declared: ServiceAccounts that have no list here: applying them leaves the one that they
            have in the cluster.
        secrets: Secrets, in order.
    """

    templates: list[PodTemplate] = field(default_factory=list)
    accounts: dict[Place, tuple[str, ...]] = field(default_factory=dict)
    declared: set[Place] = field(default_factory=set)
    secrets: dict[Place, PullSecret] = field(default_factory=dict)


def gather(
    streams: Sequence[Source],
    *,
    namespace: str = "",
    extra: tuple[KindPath, ...] = (),
    wrong: Callable[[InvalidManifest], None] = lambda _: None,
    verb: str = VERB,
) -> Manifests:
    """Read `streams` to their end.

    Args:
        streams: from `sources.find`.
        namespace: of objects that name none.
        extra: more places of Pod specs, from ``--path``.
        wrong: one more stream is wrong; the last is raised.
        verb: the command that takes such streams from standard input, for hints.

    Raises:
        InvalidManifest: the last stream that is wrong.
        UsageError: a stream cannot be read.
    """
    found = Manifests()
    last: InvalidManifest | None = None
    for source in streams:
        try:
            for reader, obj in _objects(source, extra, verb):
                try:
                    _add(found, obj, namespace, source.name, extra)
                except InvalidInput as error:
                    raise reader.wrong(obj, error.message, error.hint) from None
        except InvalidManifest as error:
            if last:
                wrong(last)
            last = error
    if last:
        raise last
    return found


def _objects(
    source: Source, extra: tuple[KindPath, ...], verb: str
) -> Iterator[tuple[Reader, PlainObject]]:
    reader = Reader(source.name, extra, verb)
    blocks = utf8.decode(sources.read(source), source.name, verb)
    for document in documents.split(blocks, source.name):
        for obj in reader.read(document):
            yield reader, obj


def _add(
    found: Manifests, obj: PlainObject, namespace: str, file: str, extra: tuple[KindPath, ...]
) -> None:
    metadata = obj.content.get("metadata")
    metadata = metadata if isinstance(metadata, dict) else {}
    where = str(metadata.get("namespace") or "") or namespace
    place = where, str(metadata.get("name") or "")
    if obj.kind == "ServiceAccount":
        if FIELD in obj.content:
            listed = names(obj.content[FIELD], f"serviceaccount/{place[1]}")
            found.accounts[place] = tuple(listed)
        else:
            found.declared.add(place)
    elif obj.kind == "Secret":
        content = obj.content | {"metadata": {**metadata, "namespace": where}}
        found.secrets[place] = PullSecret.from_object(content)
    else:
        found.templates += templates(obj.content, namespace=namespace, file=file, extra=extra)
