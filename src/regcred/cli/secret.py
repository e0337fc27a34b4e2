"""``regcred secret``: create, update or print a pull Secret.

Flags and bytes are those of ``kubectl create secret docker-registry``; what kubectl lets
through although kubelet could never use it is refused here.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from regcred.cli import inputs, output
from regcred.cli.options import (
    cluster_options,
    dry_run_option,
    namespace_option,
    output_option,
    source_options,
    split_names,
)
from regcred.cli.verb import argument, option, verb
from regcred.core import names
from regcred.core.credential import Credential, Password
from regcred.core.errors import Forbidden, ServerError, UsageError
from regcred.core.logins import secret as core

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

#: Sources that may have a login for it.
_FOR_DOCKER_HUB = frozenset({"dockerHub", "exec"})
_DOCKER_HUB = "https://index.docker.io/v1/"

#: kubectl's words for what the API calls fieldValidation.
_VALIDATION = {
    "strict": "Strict",
    "true": "Strict",
    "warn": "Warn",
    "ignore": "Ignore",
    "false": "Ignore",
}


class Write(NamedTuple):
    """How the object is written: what kubectl's flags of the same names say."""

    kubeconfig: str | None
    context: str | None
    namespace: str | None
    dry_run: str
    field_manager: str
    validate: str


@verb(
    (
        "regcred secret pull --docker-server=ghcr.io --docker-username=me "
        "--password-stdin -n team-a < token"
    ),
    (
        "regcred secret pull --docker-server=asia.gcr.io --gcp-key key.json "
        "--dry-run=client -o yaml",
        "print it, and ask no cluster",
    ),
    "regcred secret pull --from-docker-config --registry ghcr.io -n team-a",
    exit_codes={
        1: "the answer is no: a missing right, no login, a Secret of another type",
    },
)
@argument("name", metavar="NAME", completes="secret")
@option(
    "--docker-server",
    group="What",
    metavar="REGISTRY",
    default=_DOCKER_HUB,
    show_default=True,
    help="The registry.",
)
@option(
    "--registry",
    "registries",
    group="What",
    metavar="HOST",
    multiple=True,
    help="Instead of --docker-server, for several; with --from-docker-config: only these.",
)
@option(
    "--append-hash", group="What", is_flag=True, help="Append a hash of the Secret to its name."
)
@option(
    "--save-config",
    group="What",
    is_flag=True,
    help="Add the annotation that kubectl apply compares with.",
)
@namespace_option
@option("--docker-username", group="Login", metavar="NAME", help="The user.")
@option(
    "--docker-password",
    group="Login",
    metavar="PASSWORD",
    help="Visible to others: see --password-stdin.",
)
@option(
    "--docker-email",
    group="Login",
    metavar="EMAIL",
    default="",
    may_be_empty=True,
    help="Written beside the login; no registry asks for it.",
)
@source_options
@option(
    "--from-file",
    "files",
    group="Login",
    metavar="[KEY=]FILE",
    multiple=True,
    completes="file",
    help="A ready docker config, taken as it is. The key should be .dockerconfigjson.",
)
@option(
    "--field-manager",
    group="How",
    metavar="NAME",
    default="regcred",
    show_default=True,
    help="Who writes, for the API server's notes on who owns which field.",
)
@option(
    "--validate",
    group="How",
    type=click.Choice(list(_VALIDATION)),
    default="strict",
    show_default=True,
    help="What the server does about fields that it does not know.",
)
@dry_run_option
@output_option("json", "yaml", "name")
@cluster_options
def secret(
    name: str,
    namespace: str | None,
    docker_server: str,
    docker_username: str | None,
    docker_password: str | None,
    docker_email: str,
    password_stdin: bool,
    registries: tuple[str, ...],
    gcp_key: str | None,
    from_docker_config: str | None,
    source: str | None,
    settings: tuple[str, ...],
    secret_files: tuple[str, ...],
    files: tuple[str, ...],
    append_hash: bool,
    save_config: bool,
    field_manager: str,
    validate: str,
    dry_run: str,
    form: str | None,
    kubeconfig: str | None,
    context: str | None,
) -> None:
    """Create or update the pull Secret NAME, or print it.

    With the flags of kubectl create secret docker-registry it gives the same bytes. An
    existing Secret is updated in place, and never when it is of another type.
    """
    names.check_name(name, "Secret")
    if namespace is not None:
        names.check_namespace(namespace)
    flags = any((docker_username, docker_password, password_stdin)) or None
    minted = inputs.minted_source(source, settings, secret_files)
    chosen_source = inputs.choose_source(
        from_file=files or None,
        gcp_key=gcp_key,
        from_docker_config=from_docker_config,
        **{"from": minted, "docker_username": flags if minted else None},
    )
    chosen = split_names(registries, '--registry "$REGISTRY"')
    if chosen and docker_server != _DOCKER_HUB:
        raise UsageError(
            "--docker-server and --registry exclude each other",
            hint="name all of them with --registry",
        )
    ends = None
    if chosen_source == "from_file":
        if flags:
            output.warning("--from-file is given: the --docker-… and --password flags are ignored")
        data = _read_files(files)
    elif chosen_source == "from_docker_config":
        assert from_docker_config is not None  # noqa: S101 - choose_source says so
        data = _config(inputs.from_docker_config(from_docker_config, chosen))
    elif chosen_source == "gcp_key":
        assert gcp_key is not None  # noqa: S101 - choose_source says so
        servers = chosen or [docker_server]
        if servers == [_DOCKER_HUB]:
            raise UsageError(
                "a Google service account key is no login for Docker Hub",
                hint="add --docker-server=asia.gcr.io, or the registry you pull from",
            )
        data = _config(inputs.from_gcp_key(gcp_key, servers))
    elif minted is not None:
        servers = chosen or [docker_server]
        if servers == [_DOCKER_HUB] and minted.kind not in _FOR_DOCKER_HUB:
            raise UsageError(
                f"a login of {minted.kind} is none for Docker Hub",
                hint="add --registry REGISTRY, the one to pull from",
            )
        _check_registries(servers)  # before something is made at the provider
        logins = inputs.from_minter(minted, servers)
        data, ends = _data(logins), _end(logins, minted.expires)
    else:
        username, password = _flags(docker_server, docker_username, docker_password, password_stdin)
        servers = chosen or [docker_server]
        data = _config(
            [Credential(s, username, password, inputs.as_utf8(docker_email)) for s in servers]
        )

    built = core.build(name, data, namespace=namespace or "")
    if append_hash:
        built = core.with_hash(built)
    if ends is not None:
        built = core.with_expiry(built, ends)
    if save_config:
        built = core.with_last_applied(built)
    done = "created"
    with inputs.ending(minted) as keep:
        if dry_run != "client":
            write = Write(kubeconfig, context, namespace, dry_run, field_manager, validate)
            try:
                built, done = _write(built, write)
            except ServerError:
                keep()  # it may be there all the same
                raise
        if dry_run == "none" or form in ("json", "yaml"):
            keep()
    suffix = {"client": " (dry run)", "server": " (server dry run)", "none": ""}[dry_run]
    _print(built, form, f"{done}{suffix}")


def _flags(
    server: str, username: str | None, password: str | None, password_stdin: bool
) -> tuple[str, Password]:
    if password and password_stdin:
        raise UsageError(
            "--docker-password and --password-stdin exclude each other", hint="give one of them"
        )
    if password_stdin:
        secret_word = inputs.read_password_stdin()
    else:
        secret_word = Password(inputs.as_utf8(password or ""))
    if not username or not secret_word or not server:
        raise UsageError(
            "no credential is given",
            hint="--docker-username and --docker-password (or --password-stdin), --gcp-key FILE, "
            "--from-docker-config or --from-file FILE",
        )
    inputs.check_username(username)
    return inputs.as_utf8(username), secret_word


def _config(credentials: list[Credential]) -> dict[str, bytes]:
    _check_registries(credential.registry for credential in credentials)
    return _data(credentials)


def _data(credentials: list[Credential]) -> dict[str, bytes]:
    from regcred.core.logins.authentry import build_dockerconfigjson

    return {core.DATA_KEY: build_dockerconfigjson(credentials)}


def _end(credentials: list[Credential], said: datetime | None) -> datetime | None:
    """When the first of `credentials` that were minted ends."""
    from regcred.core.logins import expiry

    return min(expiry.ends(credentials, said).values(), default=None)


def _check_registries(registries: Iterable[str]) -> None:
    from regcred.core.logins import registrykey

    for registry in registries:
        inputs.check_registry(registrykey.parse_registry(registry))


def _read_files(values: tuple[str, ...]) -> dict[str, bytes]:
    """The data of ``--from-file``, with kubectl's rules for ``KEY=FILE`` and its commas."""
    import csv

    data: dict[str, bytes] = {}
    sources = [source for row in csv.reader(values) for source in row]
    for source in sources:
        key, separator, path = source.rpartition("=")
        if not separator:
            key = core.DATA_KEY
        if "=" in key:
            raise UsageError(
                f"--from-file {source!r}: key names or file paths cannot contain '='",
                hint="--from-file=.dockerconfigjson=FILE, or just --from-file=FILE",
            )
        if not key or not path:
            raise UsageError(
                f"--from-file {source!r}: {'file path' if key else 'key name'} is missing",
                hint="--from-file=.dockerconfigjson=FILE, or just --from-file=FILE",
            )
        if key in data:
            raise UsageError(f"--from-file: the key {key!r} is given twice", hint="give it once")
        data[key] = inputs.read_file(path, "docker config")
    if core.DATA_KEY not in data:
        raise UsageError(
            f"--from-file gives no {core.DATA_KEY}, the one key that kubelet reads",
            hint=f"--from-file={core.DATA_KEY}=FILE, or just --from-file=FILE",
        )
    _check_usable(data[core.DATA_KEY], sources[0].rpartition("=")[2])
    return data


def _check_usable(content: bytes, source: str) -> None:
    """Make sure that kubelet could use every entry of a ready docker config.

    Raises:
        InvalidDockerConfig: it could not; the message names the entry.
    """
    from regcred.core.logins.dockerconfig import parse_dockerconfigjson

    config = parse_dockerconfigjson(content, source=source)
    config.require_usable(source)
    _check_registries(config)


def _write(built: dict[str, Any], write: Write) -> tuple[dict[str, Any], str]:
    import asyncio

    from regcred.kube import config as kubeconfig
    from regcred.kube import needs, rights
    from regcred.kube.client import Client
    from regcred.kube.pullsecrets import create_or_update

    async def run() -> tuple[dict[str, Any], str]:
        config = kubeconfig.load(kubeconfig=write.kubeconfig, context=write.context, env=os.environ)
        async with Client(config) as client:
            try:
                return await create_or_update(
                    client,
                    built,
                    write.namespace or config.namespace,
                    dry_run=write.dry_run == "server",
                    field_manager=write.field_manager,
                    field_validation=_VALIDATION[write.validate],
                    tell=output.warning,
                )
            except Forbidden as error:
                wanted = needs.write(built["metadata"]["name"])
                raise await rights.with_others(client, error, wanted) from None

    return asyncio.run(run())


def _print(built: dict[str, Any], form: str | None, done: str) -> None:
    if form in ("json", "yaml"):
        output.print_object(built, form)
        return
    name = f"secret/{built['metadata']['name']}"
    click.echo(name if form == "name" else f"{name} {done}")
