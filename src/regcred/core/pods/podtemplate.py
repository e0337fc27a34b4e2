"""What a Pod, or a template of Pods, says about its images; `podreading` reads it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Container:
    """Something that needs an image.

    Args:
        name: of the container, or ``volume/`` and the name of an image volume; may be empty.
        image: as written.
        policy: ``Always``, ``IfNotPresent``, ``Never``, or empty.
        line: where the image is written, from 1; 0 where it is in no file.
    """

    name: str
    image: str
    policy: str = ""
    line: int = 0


@dataclass(frozen=True, slots=True)
class PodTemplate:
    """A Pod, or what Pods are made from.

    Args:
        object: kind in lower case and name: ``deployment/web``.
        namespace: of the object; empty where nobody says.
        account: the ServiceAccount of its Pods.
        secrets: names in its own ``imagePullSecrets``.
        containers: what needs images.
        path: from the object to the Pod's spec: ``.spec.template.spec``.
        file: the stream that it is in; empty for one of a cluster.
        exists: it is a Pod that has been made, so its list is what admission made of it.
        os: that its nodes must have, from ``nodeSelector``; empty for any.
        architecture: likewise.
        nameless: its own list has entries, none of which names a Secret.
    """

    object: str
    namespace: str
    account: str
    secrets: tuple[str, ...]
    containers: tuple[Container, ...]
    path: str = ""
    file: str = ""
    exists: bool = False
    os: str = ""
    architecture: str = ""
    nameless: bool = False

    @property
    def has_list(self) -> bool:
        """Whether it has a list of its own: ServiceAccount admission counts entries, not names."""
        return self.nameless or bool(self.secrets)
