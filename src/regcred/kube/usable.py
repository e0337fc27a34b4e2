"""Whether a cluster and a user of a kubeconfig can be used as they stand.

The checks are those of client-go (ConfirmUsable in
https://pkg.go.dev/k8s.io/client-go/tools/clientcmd), plus what no HTTP header can carry, so that
a mistake in a file is named as such and not met as a failed request.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from regcred.core.errors import InvalidKubeconfig
from regcred.core.registry import proxy

if TYPE_CHECKING:
    from collections.abc import Mapping

    from regcred.kube.entries import Cluster, ExecPlugin, User

_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_EXEC_VERSIONS = ("client.authentication.k8s.io/v1", "client.authentication.k8s.io/v1beta1")
_PLUGINS = (
    "https://kubernetes.io/docs/reference/access-authn-authz/authentication/"
    "#client-go-credential-plugins"
)


def server_url(server: str, cluster: str) -> str:
    """The server's URL without query, fragment and trailing slash.

    Args:
        server: as it stands in the kubeconfig; ``host:port`` is plain HTTP, as for kubectl.
        cluster: the cluster's name, for messages.

    Raises:
        InvalidKubeconfig: it is no URL of a server.
    """
    bare = "://" not in server
    try:
        url = urlsplit(f"http://{server}" if bare else server)
        _ = url.port
    except ValueError:
        url = urlsplit("")
    if (
        url.scheme not in {"http", "https"}
        or not url.hostname
        or (bare and url.path not in {"", "/"})
        or _CONTROL.search(server)
    ):
        raise InvalidKubeconfig(
            f"the server of cluster {cluster!r} is not a URL like https://host:6443",
            hint="kubectl config view shows what is read",
        )
    if "@" in url.netloc:
        raise InvalidKubeconfig(
            f"the server URL of cluster {cluster!r} holds a user name",
            hint="write username and password under users",
        )
    return f"{url.scheme}://{url.netloc}{url.path.rstrip('/')}"


def proxy_url(server: str, env: Mapping[str, str], *, given: str = "", cluster: str = "") -> str:
    """The proxy to go through to a server; empty for a direct connection.

    Args:
        server: the server's URL.
        env: the environment, which decides where nothing is `given`.
        given: the cluster's ``proxy-url``.
        cluster: its name, for messages.

    Raises:
        InvalidKubeconfig: it is no URL of a proxy that regcred can go through.
    """
    try:
        if given:
            return proxy.checked(given, f"proxy-url of cluster {cluster!r}")
        return proxy.from_environment(server, env)
    except proxy.BadProxy as error:
        raise InvalidKubeconfig(str(error), hint=error.hint) from None


def check_cluster(cluster: Cluster, name: str) -> None:
    """Find what contradicts itself in a cluster.

    Raises:
        InvalidKubeconfig: something does.
    """
    if cluster.insecure_skip_tls_verify and cluster.certificate_authority_data:
        raise InvalidKubeconfig(
            f"cluster {name!r} in {cluster.origin} has both a certificate-authority and"
            " insecure-skip-tls-verify; one of them must go",
            hint="kubectl config view shows what is read",
        )


def check_user(user: User, name: str) -> None:
    """Find what is missing or contradicts itself in a user.

    Raises:
        InvalidKubeconfig: something is or does; never shows a secret.
    """
    if user.auth_provider is not None:
        raise InvalidKubeconfig(
            f"user {name!r} in {user.origin} has the auth-provider {user.auth_provider!r},"
            " a mechanism that Kubernetes has removed",
            hint=f"use the provider's exec plugin: {_PLUGINS}",
        )
    if wrong := _wrong_with_user(user) or (user.exec and _wrong_with_plugin(user.exec)):
        raise InvalidKubeconfig(
            f"user {name!r} in {user.origin} has {wrong}",
            hint="kubectl config view shows what is read",
        )


def _wrong_with_user(user: User) -> str:
    if (user.token or user.token_file) and (user.username or user.password):
        return "both a token and a username; one of them must go"
    if user.client_certificate_data and not user.client_key_data:
        return "a client-certificate and no client-key"
    if not user.impersonate and (
        user.impersonate_uid or user.impersonate_groups or user.impersonate_extra
    ):
        return "as-uid, as-groups or as-user-extra, and no as"
    if _CONTROL.search(user.token.reveal()):
        return "a token with a line break or control character in it"
    headers = (user.impersonate, user.impersonate_uid, *user.impersonate_groups)
    extra = (value for values in user.impersonate_extra.values() for value in values)
    if any(_CONTROL.search(value) for value in (*headers, *extra)):
        return "a line break or control character in what it impersonates"
    return ""


def _wrong_with_plugin(plugin: ExecPlugin) -> str:
    if not plugin.command:
        return "an exec plugin without a command"
    if plugin.api_version not in _EXEC_VERSIONS:
        wanted = " or ".join(_EXEC_VERSIONS)
        return f"an exec plugin of apiVersion {plugin.api_version!r}, not {wanted}"
    if plugin.interactive_mode not in {"Never", "IfAvailable", "Always"}:
        return (
            "an exec plugin whose interactiveMode is"
            f" {plugin.interactive_mode!r}, not Never, IfAvailable or Always"
        )
    if any(not name for name, _ in plugin.env):
        return "an exec plugin with a nameless variable under env"
    return ""
