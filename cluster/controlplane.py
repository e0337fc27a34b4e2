"""The command lines of etcd, kube-apiserver and kube-controller-manager.

https://kubernetes.io/docs/reference/command-line-tools-reference/kube-apiserver/
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from cluster.paths import Folder, write_private
from cluster.pki import Authority, KeyPair, write_signing_key

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

SERVICE_RANGE = "10.0.0.0/16"
_API_SERVICE = "10.0.0.1"

_NEVER_DIALLED = "192.0.2.1"
"""The API server wants an address to tell its peers that is not loopback. It has no peers and
publishes nothing (endpoint-reconciler-type=none), so this one from RFC 5737 is never used."""


@dataclass(frozen=True)
class Ports:
    """Where the control plane listens, all on 127.0.0.1."""

    etcd: int
    etcd_peer: int
    api: int


@dataclass(frozen=True)
class Keys:
    """The control plane's keys.

    Args:
        ca: of the cluster: signs all the others, and the users' certificates.
        server: the API server's.
        kubelet_client: the API server's, when it asks kubelet for logs.
        service_accounts: signs ServiceAccount tokens.
        admin: of a user in ``system:masters``.
    """

    ca: Authority
    server: KeyPair
    kubelet_client: KeyPair
    service_accounts: KeyPair
    admin: KeyPair


def make_keys(folder: Folder) -> Keys:
    """Make all keys of a control plane, in the folder's ``pki``."""
    ca = Authority(folder.pki, "ca")
    hosts = ("127.0.0.1", "localhost", "kubernetes.default.svc", _API_SERVICE)
    return Keys(
        ca=ca,
        server=ca.server("kube-apiserver", hosts),
        kubelet_client=ca.client("kubelet-client", "kube-apiserver", ("system:masters",)),
        service_accounts=write_signing_key(folder.pki, "service-accounts"),
        admin=ca.client("admin", "admin", ("system:masters",)),
    )


def write_tokens(folder: Folder, tokens: dict[str, tuple[str, tuple[str, ...]]]) -> Path:
    """Write the API server's file of static tokens.

    Args:
        folder: of the cluster.
        tokens: user name -> (token, groups).
    """
    lines = [
        f'{token},{user},{user},"{",".join(groups)}"\n' for user, (token, groups) in tokens.items()
    ]
    path = folder.pki / "tokens.csv"
    write_private(path, "".join(lines))
    return path


def etcd(program: Path, folder: Folder, ports: Ports) -> list[str]:
    """The command line of etcd; no fsync, since its data is thrown away."""
    client = f"http://127.0.0.1:{ports.etcd}"
    peer = f"http://127.0.0.1:{ports.etcd_peer}"
    return [
        str(program),
        "--name=regcred",
        f"--data-dir={folder.etcd}",
        f"--listen-client-urls={client}",
        f"--advertise-client-urls={client}",
        f"--listen-peer-urls={peer}",
        f"--initial-advertise-peer-urls={peer}",
        f"--initial-cluster=regcred={peer}",
        "--unsafe-no-fsync",
        "--log-level=warn",
    ]


def api_server(
    program: Path, keys: Keys, tokens: Path, ports: Ports, flags: Sequence[str] = ()
) -> list[str]:
    """kube-apiserver's command line, which ends with `flags`."""
    return [
        str(program),
        f"--etcd-servers=http://127.0.0.1:{ports.etcd}",
        "--bind-address=127.0.0.1",
        f"--secure-port={ports.api}",
        f"--advertise-address={_NEVER_DIALLED}",
        "--endpoint-reconciler-type=none",
        f"--service-cluster-ip-range={SERVICE_RANGE}",
        f"--tls-cert-file={keys.server.certificate}",
        f"--tls-private-key-file={keys.server.key}",
        f"--client-ca-file={keys.ca.files.certificate}",
        f"--token-auth-file={tokens}",
        "--authorization-mode=Node,RBAC",
        "--service-account-issuer=https://kubernetes.default.svc",
        f"--service-account-key-file={keys.service_accounts.certificate}",
        f"--service-account-signing-key-file={keys.service_accounts.key}",
        f"--kubelet-client-certificate={keys.kubelet_client.certificate}",
        f"--kubelet-client-key={keys.kubelet_client.key}",
        # The node's InternalIP is an address that kubelet does not listen on: all is loopback.
        "--kubelet-preferred-address-types=Hostname",
        "--profiling=false",
        *flags,
    ]


def controller_manager(program: Path, keys: Keys, kubeconfig: Path) -> list[str]:
    """kube-controller-manager's command line.

    With its usual 20 requests a second a thousand namespaces would wait a minute for their
    default ServiceAccounts.
    """
    return [
        str(program),
        f"--kubeconfig={kubeconfig}",
        "--kube-api-qps=500",
        "--kube-api-burst=1000",
        "--leader-elect=false",
        "--secure-port=0",
        f"--root-ca-file={keys.ca.files.certificate}",
        f"--service-account-private-key-file={keys.service_accounts.key}",
    ]
