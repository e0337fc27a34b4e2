"""Read manifests for what decides about pulls: Pod templates, ServiceAccounts, Secrets."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from regcred.core.errors import InvalidInput, InvalidManifest, UsageError
from regcred.core.formats import documents, utf8
from regcred.core.logins.pullsecret import PullSecret
from regcred.core.manifests.manifestpath import FIELD, show
from regcred.core.manifests.plainobjects import Reader
from regcred.core.pods.podreading import names, templates
from regcred.manifests import sources

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from regcred.core.manifests.manifestpath import KindPath
    from regcred.core.manifests.plainobjects import PlainObject
    from regcred.core.pods.effective import Place
    from regcred.core.pods.podtemplate import PodTemplate
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
        strangers: unknown kinds that seem to have Pod specs → how many objects there are, and
            where the first one is.
        unused: the places of ``--path`` that no image was found at.
        objects: how many objects there are, of whatever kind.
    """

    templates: list[PodTemplate] = field(default_factory=list)
    accounts: dict[Place, tuple[str, ...]] = field(default_factory=dict)
    declared: set[Place] = field(default_factory=set)
    secrets: dict[Place, PullSecret] = field(default_factory=dict)
    strangers: dict[str, tuple[int, str]] = field(default_factory=dict)
    unused: list[KindPath] = field(default_factory=list)
    objects: int = 0


def gather(
    streams: Sequence[Source],
    *,
    namespace: str = "",
    extra: tuple[KindPath, ...] = (),
    wrong: Callable[[InvalidManifest], None] = lambda _: None,
    verb: str = VERB,
    step: Callable[[], None] = lambda: None,
) -> Manifests:
    """Read `streams` to their end.

    Args:
        streams: from `sources.find`.
        namespace: of objects that name none.
        extra: more places of Pod specs, from ``--path``.
        wrong: one more stream is wrong; the last is raised.
        verb: the command that takes such streams from standard input, for hints.
        step: a document has been read.

    Raises:
        InvalidManifest: the last stream that is wrong.
        UsageError: a stream cannot be read, or standard input is empty.
    """
    found = Manifests()
    last: InvalidManifest | None = None
    for source in streams:
        reader = Reader(source.name, extra, verb)
        try:
            for obj in _objects(source, reader, verb, step):
                try:
                    _add(found, obj, namespace, source.name, extra)
                except InvalidInput as error:
                    raise reader.wrong(obj, error.message, error.hint) from None
        except InvalidManifest as error:
            if last:
                wrong(last)
            last = error
        found.objects += reader.count
        for stranger in reader.strangers:
            count, where = found.strangers.get(stranger.kind, (0, ""))
            here = f"{source.name}:{stranger.line}: {stranger.kind}/{stranger.name}"
            found.strangers[stranger.kind] = count + 1, where or here
    if last:
        raise last
    places = {(each.object.partition("/")[0], each.path) for each in found.templates}
    found.unused = [path for path in extra if (path.kind.lower(), show(path.path)) not in places]
    return found


def _objects(
    source: Source, reader: Reader, verb: str, step: Callable[[], None]
) -> Iterator[PlainObject]:
    blocks = utf8.decode(sources.read(source), source.name, verb)
    empty = True
    for document in documents.split(blocks, source.name):
        yield from reader.read(document)
        step()
        empty = empty and document.empty
    if empty and not source.path:
        raise UsageError(
            "standard input is empty",
            hint="did what should write it fail? set -o pipefail shows that",
        )


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
        found.secrets[place] = PullSecret.from_object(content, brought=True)
    else:
        found.templates += templates(obj.content, namespace=namespace, file=file, extra=extra)
