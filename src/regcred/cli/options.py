"""Options that verbs share: the same flag has the same words, default and variable everywhere."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

from regcred.cli.verb import option
from regcred.core.errors import UsageError
from regcred.core.names import check_name, check_namespace, is_glob
from regcred.core.operator.sourcekinds import MINTED_KINDS

F = TypeVar("F", bound=Callable[..., Any])


def _each(command: F, *decorators: Callable[[F], F]) -> F:
    """Decorate so that the options come in the order of `decorators`."""
    for decorate in reversed(decorators):
        command = decorate(command)
    return command


def cluster_options(command: F) -> F:
    """Add ``--kubeconfig`` and ``--context``."""
    return _each(
        command,
        option(
            "--kubeconfig",
            group="Cluster",
            metavar="FILE",
            completes="file",
            show_default="as kubectl's",
            help="The kubeconfig.",
        ),
        option(
            "--context",
            group="Cluster",
            metavar="NAME",
            completes="context",
            show_default="the current one",
            help="The context of the kubeconfig.",
        ),
    )


def dry_run_option(command: F) -> F:
    """Add ``--dry-run=none|client|server``."""
    return option(
        "--dry-run",
        group="How",
        type=click.Choice(["none", "client", "server"]),
        default="none",
        show_default=True,
        help="client: only print what would be done; server: let the API server try it.",
    )(command)


def output_option(
    *forms: str, default: str | None = None, metavar: str | None = None
) -> Callable[[F], F]:
    """Add ``-o`` as ``form``.

    Args:
        forms: what it takes.
        default: one of them; None where it says itself what is printed without it.
        metavar: where not all of them are to be shown.
    """
    return option(
        "-o",
        "--output",
        "form",
        group="How",
        type=click.Choice(list(forms)),
        metavar=metavar,
        default=default,
        show_default=default is not None,
        help="How results are printed.",
    )


def namespaces_option(command: F) -> F:
    """Add ``-n/--namespace``, repeatable, as ``namespaces``."""
    return _namespace("namespaces", multiple=True)(command)


def namespace_option(command: F) -> F:
    """Add ``-n/--namespace`` for a verb that takes one."""
    return _namespace("namespace")(command)


def _namespace(name: str, *, multiple: bool = False) -> Callable[[F], F]:
    return option(
        "-n",
        "--namespace",
        name,
        group="Where",
        metavar="NS",
        multiple=multiple,
        completes="namespace",
        show_default="the context's",
        help="The namespace.",
    )


def all_namespaces_option(command: F) -> F:
    """Add ``-A/--all-namespaces``."""
    return option(
        "-A", "--all-namespaces", group="Where", is_flag=True, help="In every namespace."
    )(command)


def serviceaccounts_option(command: F) -> F:
    """Add ``--serviceaccount``, repeatable, as ``serviceaccounts``."""
    return option(
        "--serviceaccount",
        "serviceaccounts",
        group="Where",
        metavar="NAME",
        multiple=True,
        completes="serviceaccount",
        show_default="default",
        help="The ServiceAccount: a name, or a glob such as 'build-*'.",
    )(command)


def secret_name_option(command: F) -> F:
    """Add ``--name``, of the Secret."""
    return option(
        "--name",
        group="What",
        metavar="SECRET",
        default="regcred",
        show_default=True,
        completes="secret",
        help="The Secret.",
    )(command)


def manifests_options(*, default: str | None = None) -> Callable[[F], F]:
    """Add ``-f/--filename`` and ``-R/--recursive``.

    Args:
        default: what is read where none is named, for the help.
    """

    def decorate(command: F) -> F:
        return _each(
            command,
            option(
                "-f",
                "--filename",
                "files",
                group="What",
                metavar="FILE|DIR|GLOB|-",
                multiple=True,
                completes="file",
                show_default=default,
                help="Manifests. '**/' in a quoted glob is any folders.",
            ),
            option(
                "-R", "--recursive", group="What", is_flag=True, help="In folders of folders too."
            ),
        )

    return decorate


def path_option(command: F) -> F:
    """Add ``--path``, repeatable, as ``paths``."""
    return option(
        "--path",
        "paths",
        group="What",
        metavar="KIND=PATH",
        multiple=True,
        help="Where another kind has its Pod spec: Kind[.group]=.spec.x[*].pod.spec.",
    )(command)


def trust_options(command: F) -> F:
    """Add ``--plain-http`` and ``--ca-file``: how any registry is spoken with."""
    return _each(
        command,
        option(
            "--plain-http",
            group="Registry",
            metavar="HOST",
            multiple=True,
            help="Speak plain HTTP with this host.",
        ),
        option(
            "--ca-file",
            group="Registry",
            metavar="FILE",
            completes="file",
            help="CA certificates (PEM) to trust besides the system's.",
        ),
    )


class _Seconds(click.FloatRange):
    """A time, called so in errors."""

    name = "number of seconds"


def timeout_option(bounds: str, least: float = 0.0) -> Callable[[F], F]:
    """Add ``--timeout``.

    Args:
        bounds: what it is for, of this verb.
        least: the shortest; zero is not to wait.
    """
    return option(
        "--timeout",
        group="How",
        type=_Seconds(least, 3600),
        default=30.0,
        show_default=True,
        metavar="SECONDS",
        help=bounds,
    )


def probe_options(more: str = "") -> Callable[[F], F]:
    """Add what says how registries are asked.

    Args:
        more: what ``--timeout`` is for besides probes.
    """

    def decorate(command: F) -> F:
        return _each(
            command,
            trust_options,
            timeout_option(f"How long one probe, with its retries, may take{more}.", 0.1),
            option(
                "--certs-dir",
                group="Registry",
                metavar="DIR",
                completes="dir",
                help="CA certificates by host, laid out as containerd's.",
            ),
            option(
                "--concurrency",
                group="Registry",
                type=click.IntRange(1, 256),
                default=8,
                show_default=True,
                metavar="N",
                help="Probes of one registry at a time.",
            ),
        )

    return decorate


def source_options(command: F) -> F:
    """Add the sources of a login besides user and password flags."""
    return _each(
        command,
        option(
            "--password-stdin",
            group="Login",
            is_flag=True,
            help="Read the password from standard input.",
        ),
        option(
            "--gcp-key",
            group="Login",
            metavar="FILE",
            completes="file",
            help="A Google service account key: user _json_key, the file as password.",
        ),
        option(
            "--from-docker-config",
            group="Login",
            metavar="[PATH]",
            is_flag=False,
            flag_value="",
            may_be_empty=True,
            completes="file",
            help="The login of docker's own config.json, or the one at PATH; its credential "
            "helpers are run.",
        ),
        minter_options(),
    )


def minter_options(*, required: bool = False) -> Callable[[F], F]:
    """Add ``--from`` and what belongs to it.

    Args:
        required: there is no other source.
    """

    def decorate(command: F) -> F:
        return _each(
            command,
            option(
                "--from",
                "source",
                group="Login",
                metavar="SOURCE",
                type=click.Choice(MINTED_KINDS),
                required=required,
                help=f"Ask a provider for a short-lived login: {', '.join(MINTED_KINDS)}.",
            ),
            option(
                "--set",
                "settings",
                group="Login",
                metavar="KEY=VALUE",
                multiple=True,
                completes="setting",
                help="With --from: a setting of the source, as in a PullCredential.",
            ),
            option(
                "--secret-file",
                "secret_files",
                group="Login",
                metavar="KEY=FILE",
                multiple=True,
                completes="secret-key",
                help="With --from: what a PullCredential's Secret holds; - is standard input.",
            ),
        )

    return decorate


def split_names(values: tuple[str, ...], example: str) -> list[str]:
    """Names given several times or joined by commas, once each, in order.

    Args:
        values: as they were given.
        example: the option with a variable, for the hint: ``-n "$NS"``.

    Raises:
        UsageError: one is empty: a variable that is not set must not mean the default.
    """
    names = [n.strip() for value in values for n in value.split(",")]
    if not all(names):
        raise UsageError("a name is empty", hint=f"is a variable not set? e.g. {example}")
    return list(dict.fromkeys(names))


def split_namespaces(values: tuple[str, ...]) -> list[str]:
    """The namespaces of ``-n``, once each, in order.

    Raises:
        UsageError: one is empty, or no namespace can have that name.
    """
    namespaces = split_names(values, '-n "$NS"')
    for namespace in namespaces:
        check_namespace(namespace)
    return namespaces


def split_serviceaccounts(values: tuple[str, ...]) -> list[str]:
    """The names and globs of ``--serviceaccount``, once each, in order.

    Raises:
        UsageError: one is empty, or no ServiceAccount can have that name.
    """
    accounts = split_names(values, '--serviceaccount "$NAME"')
    for account in accounts:
        if not is_glob(account):
            check_name(account, "ServiceAccount")
    return accounts
