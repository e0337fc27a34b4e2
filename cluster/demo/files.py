"""The manifests of the story, as a person would write them."""

from __future__ import annotations

from textwrap import dedent, indent
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cluster.demo.place import Place


def deployment(image: str, node: str, namespace: str = "") -> str:
    """A Deployment ``web`` of one Pod, as YAML.

    Args:
        image: asked for at the registry each time: what a node has already proves nothing.
        node: the node's name, when no scheduler is to choose one; then with the node's network.
        namespace: that it names; empty for none.
    """
    head = ["apiVersion: apps/v1", "kind: Deployment", "metadata:", "  name: web"]
    if namespace:
        head.append(f"  namespace: {namespace}")
    placed = ""
    if node:
        placed = f"nodeName: {node}     # the cluster of the demo has no scheduler\n"
        placed += "hostNetwork: true       # and no network of Pods\n"
    spec = f"{placed}terminationGracePeriodSeconds: 1\ncontainers:\n- name: web\n"
    spec += f"  image: {image}\n  imagePullPolicy: Always   # so the registry is asked each time\n"
    template = dedent("""\
        spec:
          selector:
            matchLabels: {app: web}
          template:
            metadata:
              labels: {app: web}
            spec:
        """)
    return "\n".join(head) + "\n" + template + indent(spec, "      ")


def with_namespace(name: str, image: str, node: str) -> str:
    """One file with a namespace, and a Deployment in it."""
    namespace = f"apiVersion: v1\nkind: Namespace\nmetadata:\n  name: {name}\n"
    return f"{namespace}---\n{deployment(image, node, name)}"


def pullcredential(name: str, registry: str, secret: str, namespaces: str) -> str:
    """A PullCredential with a source of a user name and a password."""
    return dedent(f"""\
        apiVersion: regcred.dev/v1alpha1
        kind: PullCredential
        metadata:
          name: {name}
        spec:
          registries: ["{registry}"]
          source:
            basic: {{secretRef: {{name: {secret}}}}}
          namespaces: {{include: ["{namespaces}"]}}
        """)


def write(place: Place, name: str, text: str) -> None:
    """Put a file where the commands of the story run."""
    (place.shell.folder / name).write_text(text)
