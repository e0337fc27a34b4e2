"""The entries of a kubeconfig: a cluster, a user, a context, and how each is read.

Field by field as in
https://kubernetes.io/docs/reference/config-api/kubeconfig.v1/, with the defaults that client-go
sets while it reads. ``extensions`` of anything but a cluster are only checked: no request depends
on them.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from regcred.core.credential import Password
from regcred.core.errors import InvalidKubeconfig

if TYPE_CHECKING:
    from collections.abc import Mapping

    from regcred.kube.fields import Fields


@dataclass(frozen=True, slots=True)
class Cluster:
    """An entry of ``clusters``; the fields are named as in the file."""

    origin: str = ""
    server: str = ""
    tls_server_name: str = ""
    insecure_skip_tls_verify: bool = False
    certificate_authority: str = ""
    certificate_authority_data: bytes = b""
    proxy_url: str = field(default="", repr=False)
    disable_compression: bool = False
    extensions: Mapping[str, Any] = field(default_factory=dict)


#: What to do where a plugin gives no credential: a hint.
RUN_PLUGIN_BY_HAND = (
    "run it by hand to see: kubectl config view shows how it is called (users[].exec)"
)


@dataclass(frozen=True, slots=True)
class ExecPlugin:
    """``user.exec``: a program that prints a credential."""

    command: str = ""
    args: tuple[str, ...] = field(default=(), repr=False)
    env: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    api_version: str = ""
    install_hint: str = ""
    provide_cluster_info: bool = False
    interactive_mode: str = ""


@dataclass(frozen=True, slots=True)
class User:
    """An entry of ``users``. Empty means not set."""

    origin: str = ""
    client_certificate: str = ""
    client_certificate_data: bytes = field(default=b"", repr=False)
    client_key: str = ""
    client_key_data: bytes = field(default=b"", repr=False)
    token: Password = field(default_factory=lambda: Password(""))
    token_file: str = ""
    impersonate: str = ""
    impersonate_uid: str = ""
    impersonate_groups: tuple[str, ...] = ()
    impersonate_extra: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    username: str = ""
    password: Password = field(default_factory=lambda: Password(""))
    auth_provider: str | None = None
    exec: ExecPlugin | None = None


@dataclass(frozen=True, slots=True)
class Context:
    """An entry of ``contexts``."""

    cluster: str = ""
    user: str = ""
    namespace: str = ""


def read_cluster(fields: Fields, path: str, folder: str) -> Cluster:
    """The cluster in ``fields``, from the file ``path``; relative paths belong to ``folder``."""
    return Cluster(
        origin=path,
        server=fields.string("server"),
        tls_server_name=fields.string("tls-server-name"),
        insecure_skip_tls_verify=fields.boolean("insecure-skip-tls-verify"),
        certificate_authority=_resolve(fields.string("certificate-authority"), folder),
        certificate_authority_data=fields.base64("certificate-authority-data"),
        proxy_url=fields.string("proxy-url"),
        disable_compression=fields.boolean("disable-compression"),
        extensions=read_extensions(fields),
    )


def read_extensions(fields: Fields) -> dict[str, Any]:
    """The ``extensions`` in ``fields``, by name."""
    found: dict[str, Any] = {}
    for item in fields.items("extensions"):
        name = item.string("name")
        if found.get(name) is not None:
            raise InvalidKubeconfig(
                f"{fields.place} two extensions have the name {name!r}",
                hint="kubectl config view shows what is read",
            )
        found[name] = item.any("extension")
    return found


def read_user(fields: Fields, path: str, folder: str) -> User:
    """The user in ``fields``, from the file ``path``; relative paths belong to ``folder``."""
    read_extensions(fields)
    provider, plugin = fields.mapping("auth-provider"), fields.mapping("exec")
    return User(
        origin=path,
        client_certificate=_resolve(fields.string("client-certificate"), folder),
        client_certificate_data=fields.base64("client-certificate-data"),
        client_key=_resolve(fields.string("client-key"), folder),
        client_key_data=fields.base64("client-key-data"),
        token=Password(fields.string("token")),
        token_file=_resolve(fields.string("tokenFile"), folder),
        impersonate=fields.string("as"),
        impersonate_uid=fields.string("as-uid"),
        impersonate_groups=fields.strings("as-groups"),
        impersonate_extra=fields.string_lists("as-user-extra"),
        username=fields.string("username"),
        password=Password(fields.string("password")),
        auth_provider=provider.string("name") if provider else None,
        exec=_exec(plugin, folder) if plugin else None,
    )


def _exec(fields: Fields, folder: str) -> ExecPlugin:
    command, api_version = fields.string("command"), fields.string("apiVersion")
    mode = fields.string("interactiveMode")
    if not mode and api_version in {
        "client.authentication.k8s.io/v1beta1",
        "client.authentication.k8s.io/v1alpha1",
    }:
        mode = "IfAvailable"
    return ExecPlugin(
        command=_resolve(command, folder) if os.sep in command else command,
        args=fields.strings("args"),
        env=tuple((item.string("name"), item.string("value")) for item in fields.items("env")),
        api_version=api_version,
        install_hint=fields.string("installHint"),
        provide_cluster_info=fields.boolean("provideClusterInfo"),
        interactive_mode=mode,
    )


def read_context(fields: Fields) -> Context:
    """The context in ``fields``."""
    read_extensions(fields)
    return Context(
        cluster=fields.string("cluster"),
        user=fields.string("user"),
        namespace=fields.string("namespace"),
    )


def _resolve(path: str, folder: str) -> str:
    """A relative path belongs to the folder of its kubeconfig; lexically, as Go's Join."""
    if not path or os.path.isabs(path):  # noqa: PTH117
        return path
    return os.path.normpath(os.path.join(folder, path))  # noqa: PTH118
