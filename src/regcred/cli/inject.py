"""``regcred inject``: pull Secrets into manifests, every other byte untouched."""

from __future__ import annotations

import dataclasses
import os
import sys
from functools import partial
from typing import TYPE_CHECKING, Any

import click

from regcred.cli import inputs, output
from regcred.cli.options import (
    cluster_options,
    manifests_options,
    path_option,
    split_names,
)
from regcred.cli.verb import option, verb
from regcred.core import names
from regcred.core.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from regcred.core.manifests.inject import Account, Request
    from regcred.kube.config import ClusterConfig
    from regcred.manifests.injecting import Attached
    from regcred.manifests.sources import Source


@verb(
    "regcred inject --secret regcred -f deploy/ | kubectl apply -f -",
    "regcred inject --secret regcred -f 'k8s/**/*.yaml' --in-place",
    "helm template web ./chart | regcred inject --secret regcred",
    exit_codes={
        0: "done, or nothing was to be done",
        1: "with --check: something would change; what was made cannot be written",
        2: "wrong usage, or a manifest that cannot be used: nothing is written",
        3: "with --live: cluster not reachable",
    },
)
@option(
    "--secret",
    "secrets",
    group="What",
    metavar="NAME",
    multiple=True,
    completes="secret",
    help="The pull Secret; commas join several.",
)
@manifests_options(default="stdin")
@path_option
@option(
    "--image",
    "images",
    group="What",
    metavar="GLOB",
    multiple=True,
    help="Only Pods with such an image, e.g. 'ghcr.io/me/*'; commas join several.",
)
@option(
    "--serviceaccounts",
    group="What",
    is_flag=True,
    help="Into the lists of ServiceAccounts too.",
)
@option(
    "--keep-serviceaccount-secrets",
    "keep",
    group="What",
    is_flag=True,
    help="Carry over the list of the ServiceAccount, which a Pod with its own does not get.",
)
@option(
    "-n",
    "--namespace",
    group="Where",
    metavar="NS",
    completes="namespace",
    help="The namespace of objects that name none.",
)
@option("--in-place", group="How", is_flag=True, help="Write the files themselves, all or none.")
@option("--diff", group="How", is_flag=True, help="Print what would change, as a unified diff.")
@option(
    "--check",
    group="How",
    is_flag=True,
    help="Exit with 1 when something would change, and say what.",
)
@option(
    "--live",
    group="Cluster",
    is_flag=True,
    help="Ask the cluster for ServiceAccounts that are not in there.",
)
@cluster_options
def inject(
    secrets: tuple[str, ...],
    files: tuple[str, ...],
    recursive: bool,
    in_place: bool,
    diff: bool,
    check: bool,
    live: bool,
    kubeconfig: str | None,
    context: str | None,
    **given: Any,
) -> None:
    """Write imagePullSecrets into the Pod templates of manifests.

    YAML and JSON in, the same out: comments, quotes, order and layout stay, and what stands in a
    list already is left alone. Nothing is written before all of it has been read and found right.
    """
    from regcred.cli import injected, remarks
    from regcred.cli.progress import Progress
    from regcred.manifests import injecting
    from regcred.manifests.spool import Spool

    if in_place and (diff or check):
        raise UsageError(
            "--in-place writes, --diff and --check do not: they exclude each other",
            hint="first look, then write",
        )
    request = _request(split_names(secrets, '--secret "$NAME"'), **given)
    if not live and any(map(inputs.on_command_line, ("context", "kubeconfig"))):
        raise UsageError(
            "--context and --kubeconfig name a cluster, which only --live asks",
            hint="add --live, or leave them out",
        )
    config = _config(kubeconfig, context) if live else None
    if config and not request.namespace:
        request = dataclasses.replace(request, namespace=config.namespace)
    streams = _streams(files, recursive=recursive, in_place=in_place)

    with Spool() as spool, Spool() as second:
        made: injected.Made
        if in_place:
            made = injected.InPlace(spool, streams)
        elif check:
            made = injected.Verdict(spool, injected.Diff(second) if diff else None)
        else:
            made = injected.Diff(spool) if diff else injected.Stream(spool, streams)
        with Progress("injecting", None, "documents") as progress:
            hooks = injecting.Hooks(
                lookup=partial(_lookup, config) if config else lambda _: {},
                wrong=lambda error: output.error(error.message, error.hint),
                step=progress.step,
            )
            tally = injecting.inject(streams, request, made, hooks)
        remarks.refuse_short_paths(tally)
        made.finish()
    remarks.tell(tally, request, live=live, in_place=in_place)
    if check and tally.changed:
        raise click.exceptions.Exit(1)


def _request(
    secrets: list[str],
    *,
    images: tuple[str, ...],
    paths: tuple[str, ...],
    serviceaccounts: bool,
    keep: bool,
    namespace: str | None,
) -> Request:
    from regcred.core.manifests.inject import Request
    from regcred.core.manifests.manifestpath import parse_kind_path

    if not secrets:
        raise UsageError(
            "no pull Secret is named: neither --secret nor REGCRED_SECRET is given",
            hint="regcred inject --secret NAME, or export REGCRED_SECRET=NAME",
        )
    for name in secrets:
        names.check_name(name, "Secret")
    if namespace is not None:
        names.check_namespace(namespace)
    return Request(
        tuple(secrets),
        serviceaccounts=serviceaccounts,
        images=tuple(split_names(images, '--image "$IMAGE"')),
        paths=tuple(parse_kind_path(path) for path in paths),
        namespace=namespace or "",
        keep=keep,
    )


def _streams(files: tuple[str, ...], *, recursive: bool, in_place: bool) -> list[Source]:
    from regcred.manifests import sources

    if in_place and (not files or sources.STDIN in files):
        raise UsageError(
            "--in-place changes files, and standard input is none", hint="name them: -f FILE"
        )
    if not files and sys.stdin.isatty():
        raise UsageError(
            "no manifests are given, and standard input is a terminal",
            hint="regcred inject --secret NAME -f FILE, or helm template … | regcred inject …",
        )
    return sources.find(files or (sources.STDIN,), recursive=recursive)


def _config(kubeconfig: str | None, context: str | None) -> ClusterConfig:
    from regcred.kube import config

    return config.load(kubeconfig=kubeconfig, context=context, env=os.environ)


def _lookup(config: ClusterConfig, accounts: Sequence[Account]) -> Attached:
    from regcred.cli.livelists import lookup  # loads what speaks to clusters

    return lookup(config, accounts)
