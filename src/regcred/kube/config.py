"""Where the API server is, whom to trust there, and as whom to speak.

From a kubeconfig as kubectl would read it, or from the ServiceAccount of the Pod that regcred
runs in when there is no kubeconfig
(https://kubernetes.io/docs/tasks/run-application/access-api-from-pod/). Nothing here dials:
what can be wrong in files is found before the first request.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from regcred.core.credential import Password
from regcred.core.errors import InvalidKubeconfig
from regcred.kube import kubeconfig as kubeconfigs
from regcred.kube import usable
from regcred.kube.kubeconfigpaths import find_paths

if TYPE_CHECKING:
    from collections.abc import Mapping

    from regcred.kube.entries import Cluster, ExecPlugin, User
    from regcred.kube.kubeconfig import Selection

SERVICE_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")

_EXEC_EXTENSION = "client.authentication.k8s.io/exec"


@dataclass(frozen=True, slots=True)
class TLS:
    """How the server proves who it is.

    Args:
        ca: PEM certificates to trust; empty for the system's.
        ca_source: where they come from, for messages.
        server_name: the name to expect in the certificate; empty for the URL's host.
        insecure: believe any certificate.
    """

    ca: bytes = field(default=b"", repr=False)
    ca_source: str = "the system's certificate authorities"
    server_name: str = ""
    insecure: bool = False


@dataclass(frozen=True, slots=True)
class Auth:
    """How we prove who we are. Nothing set: anonymous.

    Args:
        whose: the user's name in the kubeconfig, for messages.
        certificate: PEM client certificate, perhaps with its chain.
        key: its PEM private key.
        token: bearer token; where there is a token file too, used when that cannot be read.
        token_file: absolute path of a file with a bearer token that may change.
        username: for basic authentication, with `password`.
        password: see username.
        exec: the program to ask, when nothing else is set.
        exec_config: the cluster's configuration for that program, JSON.
        exec_environ: the environment that it starts from.
        exec_alone: whether it gets a session of its own, unless it may ask questions: for who ends
            it with all that it started, and is not the one who waits at the terminal.
    """

    whose: str = ""
    certificate: bytes = field(default=b"", repr=False)
    key: Password = field(default_factory=lambda: Password(""))
    token: Password = field(default_factory=lambda: Password(""))
    token_file: str = ""
    username: str = ""
    password: Password = field(default_factory=lambda: Password(""))
    exec: ExecPlugin | None = None
    exec_config: Any = None
    exec_environ: Mapping[str, str] = field(default_factory=dict, repr=False)
    exec_alone: bool = False

    @property
    def is_anonymous(self) -> bool:
        """Whether requests carry no credential at all."""
        return not (self.certificate or self.token or self.token_file or self.username or self.exec)


@dataclass(frozen=True, slots=True)
class Impersonation:
    """As whom the API server is to treat us (https://kubernetes.io/docs/reference/access-authn-authz/user-impersonation/)."""

    user: str
    uid: str = ""
    groups: tuple[str, ...] = ()
    extra: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ClusterConfig:
    """Everything a client needs to know.

    Args:
        server: ``https://host[:port][/prefix]``, no slash at the end.
        namespace: the namespace to work in when none is asked for.
        namespace_given_by_context: whether the context (or the Pod) named it; else it is
            ``default``.
        source: where this configuration comes from, for messages.
        context: the context's name; empty in a cluster.
        tls: see `TLS`.
        auth: see `Auth`.
        impersonation: see `Impersonation`; None for ourselves.
        proxy_url: the proxy to go through; empty for a direct connection. May hold a password.
        disable_compression: ask for uncompressed answers.
        in_cluster: it is that of the Pod that we run in.
    """

    server: str
    namespace: str = "default"
    namespace_given_by_context: bool = False
    source: str = ""
    context: str = ""
    tls: TLS = TLS()
    auth: Auth = field(default_factory=Auth)
    impersonation: Impersonation | None = None
    proxy_url: str = field(default="", repr=False)
    disable_compression: bool = False
    in_cluster: bool = False


def load(
    *,
    kubeconfig: str | None = None,
    context: str | None = None,
    env: Mapping[str, str],
    service_account: Path = SERVICE_ACCOUNT,
) -> ClusterConfig:
    """The configuration that kubectl would use.

    Args:
        kubeconfig: the ``--kubeconfig`` flag: this file alone, and it has to be there.
        context: the ``--context`` flag; None or empty for the current context.
        env: the environment: ``KUBECONFIG``, ``HOME``, the proxy variables, and those of a Pod.
        service_account: the folder where a Pod finds its ServiceAccount's token.

    Raises:
        InvalidKubeconfig: there is no configuration, or one that cannot be used; says why.
    """
    paths = find_paths(kubeconfig, env)
    merged = kubeconfigs.read(paths, must_exist=bool(kubeconfig))
    if not kubeconfig and not context and not merged.current_context:
        token = service_account / "token"
        host, port = env.get("KUBERNETES_SERVICE_HOST"), env.get("KUBERNETES_SERVICE_PORT")
        if host and port and token.is_file():
            return _in_cluster(host, port, service_account, env)
    if merged.is_empty:
        raise _nothing_configured(paths, merged.paths)
    return from_selection(kubeconfigs.flatten(kubeconfigs.select(merged, context)), env)


def from_selection(selection: Selection, env: Mapping[str, str]) -> ClusterConfig:
    """The configuration of one context whose files have been read.

    Args:
        selection: from `kubeconfig.flatten`.
        env: the environment, for the proxy variables.

    Raises:
        InvalidKubeconfig: cluster or user cannot be used as they stand.
    """
    cluster, user = selection.cluster, selection.user
    cluster_name, user_name = selection.context.cluster, selection.context.user
    if not cluster.server:
        raise InvalidKubeconfig(
            f"context {selection.name!r} leads to no server:"
            + (f" cluster {cluster_name!r} has none" if cluster_name else " it names no cluster"),
            hint="kubectl config view shows what is read",
        )
    server = usable.server_url(cluster.server, cluster_name)
    usable.check_user(user, user_name)
    usable.check_cluster(cluster, cluster_name)
    # client-go too sends no credential over a connection that everybody can read.
    secret = server.startswith("https://")
    exec_config = cluster.extensions.get(_EXEC_EXTENSION)
    return ClusterConfig(
        server=server,
        namespace=selection.context.namespace or "default",
        namespace_given_by_context=bool(selection.context.namespace),
        source=f"context {selection.name!r} of {cluster.origin}",
        context=selection.name,
        tls=_tls(cluster, cluster_name),
        auth=_auth(user, user_name, exec_config, env) if secret else Auth(),
        impersonation=_impersonation(user),
        proxy_url=usable.proxy_url(server, env, given=cluster.proxy_url, cluster=cluster_name),
        disable_compression=cluster.disable_compression,
    )


def _tls(cluster: Cluster, name: str) -> TLS:
    ca = cluster.certificate_authority_data
    source = f"the certificate authority of cluster {name!r} in {cluster.origin}"
    return TLS(
        ca=ca,
        ca_source=source if ca else TLS().ca_source,
        server_name=cluster.tls_server_name,
        insecure=cluster.insecure_skip_tls_verify,
    )


def _impersonation(user: User) -> Impersonation | None:
    if not user.impersonate:
        return None
    return Impersonation(
        user=user.impersonate,
        uid=user.impersonate_uid,
        groups=user.impersonate_groups,
        extra=user.impersonate_extra,
    )


def _in_cluster(host: str, port: str, folder: Path, env: Mapping[str, str]) -> ClusterConfig:
    server = f"https://[{host}]:{port}" if ":" in host else f"https://{host}:{port}"
    ca = _read_if_there(folder / "ca.crt")
    mounted = _read_if_there(folder / "namespace").decode(errors="replace").strip()
    namespace = env.get("POD_NAMESPACE") or mounted
    return ClusterConfig(
        server=server,
        namespace=namespace or "default",
        namespace_given_by_context=bool(namespace),
        source="the Pod's ServiceAccount",
        tls=TLS(ca=ca, ca_source=str(folder / "ca.crt")) if ca else TLS(),
        auth=Auth(whose="the Pod's ServiceAccount", token_file=str(folder / "token")),
        proxy_url=usable.proxy_url(server, env),
        in_cluster=True,
    )


def _read_if_there(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return b""
    except OSError as error:
        raise InvalidKubeconfig(
            f"cannot read {path}: {error.strerror}", hint="kubectl config view shows what is read"
        ) from None


def _auth(user: User, name: str, exec_config: Any, env: Mapping[str, str]) -> Auth:
    if user.token_file and not user.token:
        try:
            Path(user.token_file).read_bytes()
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or "not a valid file name"
            raise InvalidKubeconfig(
                f"cannot read the token file of user {name!r}, {user.token_file}: {reason}",
                hint="kubectl config view shows what is read",
            ) from None
    try:
        key = user.client_key_data.decode("ascii")
    except UnicodeDecodeError:
        raise InvalidKubeconfig(
            f"the client key of user {name!r} is not PEM",
            hint="kubectl config view shows what is read",
        ) from None
    explicit = user.token or user.token_file or user.username or user.client_certificate_data
    return Auth(
        whose=f"user {name!r}" if name else "",
        certificate=user.client_certificate_data,
        key=Password(key),
        token=user.token,
        token_file=user.token_file,
        username=user.username,
        password=user.password,
        exec=None if explicit else user.exec,
        exec_config=exec_config,
        exec_environ=env,
    )


def _nothing_configured(wanted: list[str], found: tuple[str, ...]) -> InvalidKubeconfig:
    hint = "name one: --kubeconfig FILE, or KUBECONFIG=FILE"
    if found:
        return InvalidKubeconfig(f"kubeconfig {', '.join(found)} is empty", hint=hint)
    where = f": {', '.join(wanted)} does not exist" if wanted else ""
    return InvalidKubeconfig(f"there is no kubeconfig{where}", hint=hint)
