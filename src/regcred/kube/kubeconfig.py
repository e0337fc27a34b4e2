"""Kubeconfig files: read, merged and narrowed to one context, as kubectl does.

The rules are client-go's (https://pkg.go.dev/k8s.io/client-go/tools/clientcmd): files that a
KUBECONFIG list names and that are not there are skipped; the first file that sets a value or a
map key wins, entry by entry and never field by field; relative paths belong to the file that
holds them; unknown fields are ignored, and a field of the wrong type is an error.
``kubectl config view --flatten --minify`` shows the same, and the tests hold the two together.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from regcred.core.errors import InvalidKubeconfig
from regcred.kube import yamltext
from regcred.kube.entries import (
    Cluster,
    Context,
    User,
    read_cluster,
    read_context,
    read_extensions,
    read_user,
)
from regcred.kube.fields import Fields

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

T = TypeVar("T")

_SHOWN_MAX = 100


@dataclass(frozen=True, slots=True)
class Kubeconfig:
    """One file, or several merged."""

    clusters: Mapping[str, Cluster] = field(default_factory=dict)
    users: Mapping[str, User] = field(default_factory=dict)
    contexts: Mapping[str, Context] = field(default_factory=dict)
    current_context: str = ""
    paths: tuple[str, ...] = ()

    @property
    def is_empty(self) -> bool:
        """Whether nothing at all is defined: as good as no kubeconfig."""
        return not (self.clusters or self.users or self.contexts or self.current_context)


@dataclass(frozen=True, slots=True)
class Selection:
    """What one context names."""

    name: str
    context: Context
    cluster: Cluster
    user: User


def read(paths: Iterable[str], *, must_exist: bool = False) -> Kubeconfig:
    """Read files and merge them.

    Args:
        paths: in order of precedence.
        must_exist: whether a missing file is an error rather than skipped.

    Raises:
        InvalidKubeconfig: a file cannot be read or is no kubeconfig; names the file.
    """
    configs = []
    for path in paths:
        try:
            text = Path(path).read_bytes()
        except FileNotFoundError:
            if must_exist:
                raise InvalidKubeconfig(
                    f"kubeconfig {path} does not exist",
                    hint="name one: --kubeconfig FILE, or KUBECONFIG=FILE",
                ) from None
            continue
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or "not a valid file name"
            raise InvalidKubeconfig(
                f"cannot read kubeconfig {path}: {reason}",
                hint="kubectl config view shows what is read",
            ) from None
        try:
            configs.append(parse(text, path=path))
        except InvalidKubeconfig as error:
            error.hint = error.hint or "kubectl config view shows what is read"
            raise
    return merge(configs)


def parse(text: bytes, *, path: str) -> Kubeconfig:
    """One kubeconfig, with its relative paths made absolute.

    Args:
        text: YAML or JSON; an empty text is an empty kubeconfig.
        path: the file that it comes from.

    Raises:
        InvalidKubeconfig: names the file and the field, never a value.
    """
    try:
        document = yamltext.loads(text)
    except yamltext.NotYAML as error:
        raise InvalidKubeconfig(
            f"kubeconfig {path} is not valid YAML: {error}",
            hint="kubectl config view shows what is read",
        ) from None
    fields = Fields(document, f"kubeconfig {path}:", InvalidKubeconfig)
    kind, version = fields.string("kind"), fields.string("apiVersion")
    if kind not in {"", "Config"} or version not in {"", "v1", "/v1"}:
        raise InvalidKubeconfig(
            f"kubeconfig {path} is of kind {kind[:_SHOWN_MAX]!r}, version"
            f" {version[:_SHOWN_MAX]!r}; Config of v1 is wanted",
            hint="kubectl config view shows what is read",
        )
    if preferences := fields.mapping("preferences"):  # kubectl's business, but checked by all
        preferences.boolean("colors")
        read_extensions(preferences)
    read_extensions(fields)
    folder = os.path.abspath(os.path.dirname(path))  # noqa: PTH100, PTH120 - lexical, as Go's
    return Kubeconfig(
        clusters=_named(
            fields, "clusters", "cluster", lambda item: read_cluster(item, path, folder)
        ),
        users=_named(fields, "users", "user", lambda item: read_user(item, path, folder)),
        contexts=_named(fields, "contexts", "context", read_context),
        current_context=fields.string("current-context"),
        paths=(path,),
    )


def merge(configs: Iterable[Kubeconfig]) -> Kubeconfig:
    """One out of many; what comes first wins."""
    merged = Kubeconfig()
    for config in configs:
        merged = Kubeconfig(
            clusters={**config.clusters, **merged.clusters},
            users={**config.users, **merged.users},
            contexts={**config.contexts, **merged.contexts},
            current_context=merged.current_context or config.current_context,
            paths=merged.paths + config.paths,
        )
    return merged


def select(config: Kubeconfig, context: str | None = None) -> Selection:
    """What a context names; kubectl's ``--minify``.

    Args:
        config: the kubeconfig.
        context: the context's name; None or empty for the current one.

    Raises:
        InvalidKubeconfig: there is no such context, cluster or user; the hint names those
            contexts that there are.
    """
    files = os.pathsep.join(config.paths)
    there_are = ", ".join(sorted(config.contexts)) or "none"
    hint = f"contexts in {files}: {there_are}"
    name = context or config.current_context
    if not name:
        raise InvalidKubeconfig(
            f"no current context is set in {files}",
            hint=f"kubectl config use-context NAME, or --context NAME; {hint}",
        )
    if name not in config.contexts:
        raise InvalidKubeconfig(f"context {name!r} does not exist in {files}", hint=hint)
    chosen = config.contexts[name]
    for what, key, known in (
        ("cluster", chosen.cluster, config.clusters),
        ("user", chosen.user, config.users),
    ):
        if key and key not in known:
            defined = ", ".join(sorted(known)) or "none"
            raise InvalidKubeconfig(
                f"context {name!r} names the {what} {key!r}, which {files} does not define",
                hint=f"{what}s defined there: {defined}; {hint}",
            )
    return Selection(
        name=name,
        context=chosen,
        cluster=config.clusters[chosen.cluster] if chosen.cluster else Cluster(),
        user=config.users[chosen.user] if chosen.user else User(),
    )


def flatten(selection: Selection) -> Selection:
    """The same with certificates and key read from their files; kubectl's ``--flatten``.

    Raises:
        InvalidKubeconfig: a file cannot be read, or data and file are both given.
    """
    cluster, user = selection.cluster, selection.user
    return replace(
        selection,
        cluster=replace(
            cluster,
            certificate_authority="",
            certificate_authority_data=_content(
                "certificate-authority",
                cluster.certificate_authority,
                cluster.certificate_authority_data,
                f"cluster {selection.context.cluster!r}",
            ),
        ),
        user=replace(
            user,
            client_certificate="",
            client_certificate_data=_content(
                "client-certificate",
                user.client_certificate,
                user.client_certificate_data,
                f"user {selection.context.user!r}",
            ),
            client_key="",
            client_key_data=_content(
                "client-key",
                user.client_key,
                user.client_key_data,
                f"user {selection.context.user!r}",
            ),
        ),
    )


def _content(key: str, path: str, data: bytes, whose: str) -> bytes:
    if not path:
        return data
    if data:
        raise InvalidKubeconfig(
            f"{whose} has both {key} and {key}-data; one of them must go",
            hint="kubectl config view shows what is read",
        )
    try:
        return Path(path).read_bytes()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "not a valid file name"
        raise InvalidKubeconfig(
            f"cannot read the {key} of {whose}, {path}: {reason}",
            hint="kubectl config view shows what is read",
        ) from None


def _named(fields: Fields, key: str, inner: str, make: Callable[[Fields], T]) -> dict[str, T]:
    """A list of ``{name, <inner>}`` as a mapping."""
    found: dict[str, T] = {}
    for item in fields.items(key):
        name = item.string("name")
        if name in found:
            raise InvalidKubeconfig(
                f"{fields.place} two {key} have the name {name!r}",
                hint="kubectl config view shows what is read",
            )
        found[name] = make(item.mapping(inner) or Fields({}, item.place, InvalidKubeconfig))
    return found
