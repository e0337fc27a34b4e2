"""Where to look on a node that does not get an image which others get."""

from __future__ import annotations

from typing import TYPE_CHECKING

from regcred.core.pods.pulltext import Network

if TYPE_CHECKING:
    from regcred.core.diagnosis.facts import Facts

_PLACES: dict[Network | None, str] = {
    Network.DNS: "the name service that it uses",
    Network.REFUSED: "whether the registry was away; else firewall, proxy and routes",
    Network.TIMEOUT: "firewall, proxy and routes",
    Network.TLS: "the CA that it trusts (certs.d of containerd, the system's store)",
    Network.PLAIN_HTTP: "the scheme that its runtime speaks with the registry (certs.d)",
    Network.PROXY: "the proxy that its runtime is set to",
}


def where_to_look(facts: Facts) -> str:
    """What to look at, by what kubelet says of its way to the registry."""
    said = facts.said
    # What speaks TLS says this to plain HTTP.
    network = Network.PLAIN_HTTP if said.status == 400 else said.network
    what = _PLACES.get(network, "its network, its CA, or a plugin")
    return f"look on {facts.pod.node or 'the node'}: {what}"
