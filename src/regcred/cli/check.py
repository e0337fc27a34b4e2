"""``regcred check``: will these images pull?"""

from __future__ import annotations

import os
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from regcred.cli import output
from regcred.cli.options import (
    all_namespaces_option,
    cluster_options,
    manifests_options,
    namespaces_option,
    output_option,
    path_option,
    probe_options,
    split_names,
    split_namespaces,
)
from regcred.cli.probing import Probing
from regcred.cli.verb import argument, option, verb
from regcred.core.errors import InvalidInput, UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from regcred.cli.checked import Result
    from regcred.cli.checking import Checked
    from regcred.cli.checkinputs import Asked
    from regcred.kube.config import ClusterConfig
    from regcred.registry.prober import Prober


#: How many questions are put together before the loop gets its turn.
_AT_ONCE = 100


@verb(
    ("regcred check -f deploy/", "manifests, and the cluster that they go to"),
    "helm template web ./chart | regcred check -f -",
    ("regcred check -n team-a", "what runs in a namespace"),
    (
        "regcred check registry.example.com/app:1.2 --docker-config",
        "an image, with the logins of this machine",
    ),
    exit_codes={
        0: "all of it will be pulled, or what is given has no images",
        1: "something will not, or nobody knows",
        2: "wrong usage, or a file that cannot be used, or that has no object in it",
        3: "nothing is known to fail, and a registry or the cluster did not answer",
    },
)
@argument("images", metavar="[IMAGE]...", nargs=-1)
@manifests_options()
@path_option
@option(
    "--platform",
    "platforms",
    group="What",
    metavar="OS/ARCH",
    multiple=True,
    show_default="the cluster's, else linux/amd64",
    help="The nodes' platform.",
)
@namespaces_option
@all_namespaces_option
@option(
    "--serviceaccount",
    group="Where",
    metavar="NAME",
    default="default",
    show_default=True,
    completes="serviceaccount",
    help="The ServiceAccount: whose pull Secrets an IMAGE gets.",
)
@option(
    "--assume-secret",
    "assumed",
    group="Login",
    metavar="FILE",
    multiple=True,
    completes="file",
    help="A Secret that the deploy will bring.",
)
@option(
    "--secret-file",
    "secret_files",
    group="Login",
    metavar="FILE",
    multiple=True,
    completes="file",
    help="Check IMAGE with these Secrets and nothing else, in this order.",
)
@option(
    "--docker-config",
    group="Login",
    metavar="[FILE]",
    is_flag=False,
    flag_value="",
    may_be_empty=True,
    completes="file",
    help="Use the logins of this machine, credential helpers run, and no Secrets.",
)
@option(
    "--offline",
    group="Registry",
    is_flag=True,
    help="Only say which logins match; ask nobody.",
)
@probe_options("; likewise each request to the cluster, each run of a credential helper")
@output_option("table", "json", "junit", "github", default="table")
@option(
    "--no-cluster",
    group="Cluster",
    is_flag=True,
    help="Do not ask the cluster for what manifests lack.",
)
@cluster_options
def check(
    images: tuple[str, ...],
    files: tuple[str, ...],
    recursive: bool,
    paths: tuple[str, ...],
    namespaces: tuple[str, ...],
    all_namespaces: bool,
    serviceaccount: str,
    assumed: tuple[str, ...],
    secret_files: tuple[str, ...],
    docker_config: str | None,
    offline: bool,
    no_cluster: bool,
    platforms: tuple[str, ...],
    concurrency: int,
    timeout: float,
    ca_file: str | None,
    certs_dir: str | None,
    plain_http: tuple[str, ...],
    form: str,
    kubeconfig: str | None,
    context: str | None,
) -> None:
    """Say whether images will be pulled, before the deploy.

    For each image the pull Secrets are found as kubelet finds them, and the registry is asked for
    its manifest with each of their logins. Nothing is downloaded, and nothing is written.
    """
    from regcred.core.names import check_name

    if not all(images):
        raise UsageError("an IMAGE is empty", hint='is a variable not set? regcred check "$IMAGE"')
    spaces = split_namespaces(namespaces)
    _exclusions(images, files, spaces, secret_files, docker_config, offline, all_namespaces)
    _without_effect(images, files, recursive, paths, assumed, no_cluster)
    check_name(serviceaccount, "ServiceAccount")
    if offline:
        _offline(images, docker_config, secret_files, form)
        return

    from regcred.cli import checkinputs
    from regcred.core.manifests.manifestpath import parse_kind_path
    from regcred.core.registry.platform import Platform

    asked = checkinputs.Asked(
        images=images,
        files=files,
        recursive=recursive,
        paths=tuple(parse_kind_path(path) for path in paths),
        namespaces=tuple(spaces),
        all_namespaces=all_namespaces,
        serviceaccount=serviceaccount,
        assumed=assumed,
        secret_files=secret_files,
        docker_config=docker_config,
        platforms=tuple(
            Platform.parse(text) for text in split_names(platforms, '--platform "$PLATFORM"')
        ),
        timeout=timeout,
    )
    config = None if no_cluster else _config(asked, kubeconfig, context)
    probing = Probing.of_options(ca_file, certs_dir, plain_http, timeout, concurrency)
    result = _run(asked, config, probing)
    code = result.show(form)
    if code:
        raise click.exceptions.Exit(code)


def _exclusions(
    images: tuple[str, ...],
    files: tuple[str, ...],
    namespaces: list[str],
    secret_files: tuple[str, ...],
    docker_config: str | None,
    offline: bool,
    all_namespaces: bool,
) -> None:
    if images and files:
        raise UsageError(
            "images and manifests exclude each other", hint="check them one after the other"
        )
    if all_namespaces and (images or files or namespaces):
        raise UsageError(
            "-A is what runs in every namespace, and excludes images, -f and -n",
            hint="leave out -A, or the others",
        )
    if (images or files) and len(namespaces) > 1:
        raise UsageError(
            "give one namespace: it is that of what names none",
            hint="for several, run it once for each -n NS",
        )
    if not (images or files or namespaces or all_namespaces):
        if docker_config:
            raise UsageError(
                f"no IMAGE is given: {docker_config!r} was taken for the FILE of --docker-config",
                hint="put --docker-config at the end, or write --docker-config=FILE",
            )
        raise UsageError(
            "nothing is given to check",
            hint="regcred check IMAGE, -f FILE, -n NAMESPACE for what runs there, or -A",
        )
    if secret_files and docker_config is not None:
        raise UsageError("--secret-file and --docker-config exclude each other", hint="give one")
    if secret_files and not images:
        raise UsageError(
            "--secret-file is for images that are given as arguments",
            hint="--assume-secret FILE gives Secrets that manifests name",
        )
    if offline and (not images or (not secret_files and docker_config is None)):
        raise UsageError(
            "--offline needs images, and the logins to look among",
            hint="regcred check --offline IMAGE --docker-config FILE, or --secret-file FILE",
        )


def _without_effect(
    images: tuple[str, ...],
    files: tuple[str, ...],
    recursive: bool,
    paths: tuple[str, ...],
    assumed: tuple[str, ...],
    no_cluster: bool,
) -> None:
    """Refuse what could change nothing: whoever gives it expects that it does."""
    from regcred.cli.inputs import on_command_line

    if no_cluster and not images and not files:
        raise UsageError(
            "--no-cluster leaves nothing to look at: what runs in a namespace is in the cluster",
            hint="for manifests: regcred check -f FILE; for images: regcred check IMAGE",
        )
    if not images and on_command_line("serviceaccount"):
        raise UsageError(
            "--serviceaccount is for images that are given as arguments",
            hint="manifests, and what runs, name their ServiceAccount themselves: leave it out",
        )
    given = {
        "--path": bool(paths) and on_command_line("paths"),
        "--recursive": recursive and on_command_line("recursive"),
    }
    for option_, is_given in given.items():
        if is_given and not files:
            raise UsageError(f"{option_} is for manifests, and none is given", hint="-f FILE")
    if assumed and not images and not files and on_command_line("assumed"):
        raise UsageError(
            "--assume-secret is for what is not deployed yet: manifests and images",
            hint="regcred check -f FILE --assume-secret FILE",
        )


def _offline(
    images: tuple[str, ...], docker_config: str | None, secret_files: tuple[str, ...], form: str
) -> None:
    from regcred.cli import checked, checklogins
    from regcred.core.diagnosis.loginhints import Hints
    from regcred.core.logins.keyring import Keyring
    from regcred.core.logins.lookup import look_up
    from regcred.core.pods.effective import Effective

    if form not in ("table", "json"):
        raise UsageError("--offline gives no verdicts, so no junit and no github", hint="-o json")
    if docker_config is not None:
        secrets = [checklogins.docker_config_file(docker_config)]
    else:
        secrets = checklogins.secret_files(secret_files)
    keyring = Keyring.build(secrets)
    found = [look_up(keyring, image) for image in images]
    if docker_config is not None:
        found = [Hints(each, Effective(()), secrets=False).all_put_right() for each in found]
    checked.show_lookups(found, form)


def _config(asked: Asked, kubeconfig: str | None, context: str | None) -> ClusterConfig | None:
    """The cluster; None where none is needed, or nobody says that there is one."""
    from regcred.kube import kubeconfigpaths

    if not asked.wants_cluster:
        return None
    optional = not asked.live and not kubeconfig and not context
    if optional and not kubeconfigpaths.is_anywhere(None, os.environ):
        return None  # before a reader of YAML is loaded for nothing

    from regcred.kube import config
    from regcred.kube import kubeconfig as kubeconfigs

    if optional:
        merged = kubeconfigs.read(kubeconfigpaths.find_paths(None, os.environ), must_exist=False)
        if merged.is_empty and "KUBERNETES_SERVICE_HOST" not in os.environ:
            return None
    return config.load(kubeconfig=kubeconfig, context=context, env=os.environ)


def _run(asked: Asked, config: ClusterConfig | None, probing: Probing) -> Result:
    import asyncio

    from regcred.cli import checkinputs
    from regcred.cli.checked import Result
    from regcred.cli.checking import Checker, questions
    from regcred.cli.progress import PATIENCE_SECONDS, Progress

    default = config.namespace if config else ""
    namespace = asked.namespaces[0] if asked.namespaces else default
    results = Result([])

    async def run(read: checkinputs.Read) -> None:
        with Progress("reading", None) as progress:
            await checkinputs.read(asked, read, config, progress.step)
        results.unread, results.cluster_lost = read.unread, read.cluster_lost
        wanted = []
        for question in questions(read.templates, read.lookups, read.platforms):
            wanted.append(question)
            if not len(wanted) % _AT_ONCE:
                await asyncio.sleep(0)  # for Ctrl-C
        results.asked = len(wanted)
        async with probing.prober() as prober:
            checker = Checker(prober, datetime.now(UTC), secrets=read.lookups.machine is None)
            with Progress("checking", len(wanted)) as progress:
                # A registry that is silent makes no step, and all may be of that one.
                loop = asyncio.get_running_loop()
                late = loop.call_later(PATIENCE_SECONDS, progress.show_if_late)
                try:
                    results.checked = await checker.check(wanted, progress.step)
                except asyncio.CancelledError:
                    results.checked = checker.known
                    raise
                finally:
                    late.cancel()
            _tell_mirrors(prober, results.checked)
        _tell_unused_hosts(probing.plain_http, results.checked)

    try:
        # Nothing of this waits for an answer, so that Ctrl-C ends it at once outside the loop.
        with Progress("reading", None, "documents") as progress:
            read = checkinputs.read_files(asked, namespace, progress.step)
        results.warnings = read.warnings
        asyncio.run(run(read))
    except KeyboardInterrupt:
        results.interrupted = True
    return results


def _tell_unused_hosts(plain_http: frozenset[str], found: Sequence[Checked]) -> None:
    """Say which hosts of ``--plain-http`` no image is of."""
    references = [c.lookup.reference for c in found if c.lookup.reference]
    used = {host for each in references for host in (each.domain, each.registry_host)}
    if unused := sorted(plain_http - used):
        output.warning(f"--plain-http: no image is of {', '.join(unused)}, as images name it")


def _tell_mirrors(prober: Prober, found: Sequence[Checked]) -> None:
    """Say which registries a node asks elsewhere first: mirrors are none of our business."""
    references = {
        c.lookup.reference.domain: c.lookup.reference for c in found if c.lookup.reference
    }
    for domain, reference in references.items():
        try:
            mirrors = prober.mirrors(reference)
        except InvalidInput:
            continue  # of a registry that did not have to be asked
        if mirrors:
            output.note(f"not asked: the mirrors of {domain} ({', '.join(mirrors)})")
