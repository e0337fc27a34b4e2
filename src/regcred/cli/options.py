"""Options that verbs share, and the class that makes each one an environment variable too."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, TypeVar

import click

from regcred.core.errors import UsageError
from regcred.core.names import check_namespace
from regcred.core.operator.sourcekinds import MINTED_KINDS

F = TypeVar("F", bound=Callable[..., Any])


class Option(click.Option):
    """An option that can also be given as ``REGCRED_`` and its long name in upper case."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        long = [o for o in self.opts if o.startswith("--")]
        if long and not self.envvar:
            self.envvar = "REGCRED_" + long[0].lstrip("-").replace("-", "_").upper()

    def resolve_envvar_value(self, ctx: click.Context) -> str | None:
        """The variable; of several values blanks beside a comma do not count: ``a, b``."""
        value = super().resolve_envvar_value(ctx)
        return re.sub(r"\s*,\s*", ",", value) if value and self.multiple else value


def option(*names: str, **attributes: Any) -> Callable[[F], F]:
    """``click.option`` with an environment variable."""
    return click.option(*names, cls=Option, **attributes)


def cluster_options(command: F) -> F:
    """Add ``--kubeconfig`` and ``--context``."""
    for decorate in (
        option("--context", metavar="NAME", help="The kubeconfig context to use."),
        option("--kubeconfig", metavar="FILE", help="The kubeconfig; default: as kubectl."),
    ):
        command = decorate(command)
    return command


def dry_run_option(command: F) -> F:
    """Add ``--dry-run=none|client|server``."""
    return option(
        "--dry-run",
        type=click.Choice(["none", "client", "server"]),
        default="none",
        help="client: only print what would be done; server: let the API server try it.",
    )(command)


def output_option(command: F) -> F:
    """Add ``-o table|json|yaml``."""
    return option(
        "-o",
        "--output",
        "form",
        type=click.Choice(["table", "json", "yaml"]),
        default="table",
        help="How results are printed.",
    )(command)


def namespaces_option(command: F) -> F:
    """Add ``-n/--namespace``, repeatable, as ``namespaces``."""
    return option(
        "-n",
        "--namespace",
        "namespaces",
        metavar="NS",
        multiple=True,
        help="The namespace; repeat it for several. Default: the context's.",
    )(command)


def manifests_options(*, default: str = "") -> Callable[[F], F]:
    """Add ``-f/--filename`` and ``-R/--recursive``.

    Args:
        default: what is read where none is named, for the help.
    """
    said = f" Default: {default}." if default else ""

    def decorate(command: F) -> F:
        command = option("-R", "--recursive", is_flag=True, help="In folders of folders too.")(
            command
        )
        return option(
            "-f",
            "--filename",
            "files",
            metavar="FILE|DIR|GLOB|-",
            multiple=True,
            help=f"Manifests; repeatable. '**/' in a quoted glob is any folders.{said}",
        )(command)

    return decorate


def path_option(command: F) -> F:
    """Add ``--path``, repeatable, as ``paths``."""
    return option(
        "--path",
        "paths",
        metavar="KIND=PATH",
        multiple=True,
        help="Another kind's Pod spec: Kind[.group]=.spec.jobs[*].template.spec; repeatable.",
    )(command)


def probe_options(command: F) -> F:
    """Add what says how registries are asked."""
    for decorate in (
        option(
            "--plain-http",
            metavar="HOST",
            multiple=True,
            help="Speak plain HTTP with this host; repeatable.",
        ),
        option(
            "--certs-dir", metavar="DIR", help="CA certificates by host, laid out as containerd's."
        ),
        option("--ca-file", metavar="FILE", help="CA certificates to trust besides the system's."),
        option(
            "--timeout",
            type=click.FloatRange(0.1, 3600),
            default=30.0,
            show_default=True,
            metavar="SECONDS",
            help="For one probe, retries included.",
        ),
        option(
            "--concurrency",
            type=click.IntRange(1, 256),
            default=8,
            show_default=True,
            help="Probes of one registry at a time.",
        ),
    ):
        command = decorate(command)
    return command


def source_options(command: F) -> F:
    """Add the sources of a login besides user and password flags."""
    for decorate in (
        option(
            "--from-docker-config",
            metavar="[PATH]",
            is_flag=False,
            flag_value="",
            help="The login of a config.json, credential helpers run; default: docker's own.",
        ),
        option(
            "--gcp-key",
            metavar="FILE",
            help="A Google service account key: user _json_key, the file as password.",
        ),
        option(
            "--secret-file",
            "secret_files",
            metavar="KEY=FILE",
            multiple=True,
            help="With --from: what a PullCredential's Secret holds; - is standard input.",
        ),
        option(
            "--set",
            "settings",
            metavar="KEY=VALUE",
            multiple=True,
            help="With --from: a setting of the source, as in a PullCredential.",
        ),
        option(
            "--from",
            "source",
            metavar="SOURCE",
            type=click.Choice(MINTED_KINDS),
            help=f"Ask a provider for a short-lived login: {', '.join(MINTED_KINDS)}.",
        ),
        option("--password-stdin", is_flag=True, help="Read the password from standard input."),
    ):
        command = decorate(command)
    return command


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
