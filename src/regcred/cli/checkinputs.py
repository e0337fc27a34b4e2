"""What ``regcred check`` looks at: images, manifests, what runs; and the logins for it."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from regcred.cli import checklogins, inputs, output
from regcred.cli.checking import Lookups, Platforms
from regcred.core.effective import World, list_of
from regcred.core.errors import (
    Forbidden,
    Unauthorized,
    Unreachable,
)
from regcred.core.keyring import Keyring
from regcred.core.platform import Platform
from regcred.core.podtemplate import Container, PodTemplate
from regcred.core.problem import Problem, Reason

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from regcred.core.manifestpath import KindPath
    from regcred.core.pullsecret import PullSecret
    from regcred.kube.client import Client
    from regcred.kube.config import ClusterConfig
    from regcred.manifests.gathering import Manifests


@dataclass(frozen=True, slots=True)
class Asked:
    """What a person asks for; the fields are the options of the verb."""

    images: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    recursive: bool = False
    paths: tuple[KindPath, ...] = ()
    namespaces: tuple[str, ...] = ()
    all_namespaces: bool = False
    serviceaccount: str = "default"
    assumed: tuple[str, ...] = ()
    secret_files: tuple[str, ...] = ()
    docker_config: str | None = None
    platforms: tuple[Platform, ...] = ()
    timeout: float = 30.0

    @property
    def live(self) -> bool:
        """Whether it is about what runs in the cluster."""
        return not self.images and not self.files

    @property
    def own_logins(self) -> bool:
        """Whether the logins come with the command, so that no Secret of a cluster matters."""
        return self.docker_config is not None or bool(self.images and self.given)

    @property
    def given(self) -> tuple[str, ...]:
        """Files with Secrets; of images alone nobody says which they get, so they get all."""
        return (*self.secret_files, *self.assumed)

    @property
    def wants_cluster(self) -> bool:
        """Whether a cluster could tell something."""
        return self.live or not (self.own_logins and self.platforms)


@dataclass(slots=True)
class Read:
    """All that is to be checked.

    Args:
        templates: Pods and templates of Pods; an image that is given as an argument is one.
        lookups: what kubelet finds for them.
        platforms: of the nodes.
        unread: what may not be read, so nothing is known of it.
        warnings: about things that no image is concerned with.
        cluster_lost: there is a cluster, and it does not answer.
    """

    templates: list[PodTemplate]
    lookups: Lookups
    platforms: Platforms
    unread: list[Problem] = field(default_factory=list)
    warnings: list[Problem] = field(default_factory=list)
    cluster_lost: bool = False


async def read(asked: Asked, config: ClusterConfig | None, step: Callable[[], None]) -> Read:
    """Read what there is to read.

    Args:
        asked: what a person asks for.
        config: the cluster; None for none.
        step: something has been read.
    """
    namespace = asked.namespaces[0] if asked.namespaces else config.namespace if config else ""
    world = World()
    unread: list[Problem] = []
    warnings: list[Problem] = []
    found: list[PodTemplate] = []
    if asked.images:
        found = [_of_image(image, namespace, asked) for image in asked.images]
        if asked.given or config is None:
            _give(world, found[0], checklogins.secret_files(asked.given))
    else:
        for secret in checklogins.secret_files(asked.assumed, option="--assume-secret"):
            _assume(world, secret)
    if asked.files:
        manifests = _manifests(asked, namespace)
        found = manifests.templates
        world.accounts |= manifests.accounts
        world.declared |= manifests.declared
        world.secrets |= manifests.secrets
        warnings = _malformed(manifests)
    if config is None:
        world.accounts |= dict.fromkeys(world.declared - world.accounts.keys(), ())
    nodes: tuple[Platform, ...] = ()
    lost = False
    if config:
        from regcred.kube.client import Client

        async with Client(config, timeout=asked.timeout) as client:
            if asked.live:
                found, unread = await _live(client, asked, step)
            try:
                nodes = await _cluster(client, asked, world, found, step)
            except (Unreachable, Unauthorized) as error:
                if asked.live:
                    raise
                output.warning(f"{error.message}; what only the cluster knows is unknown")
                if error.hint:
                    output.tell_hint(error.hint)
                lost = True
    machine = None
    if asked.docker_config is not None:
        images = [each.image for template in found for each in template.containers]
        machine = checklogins.machine(asked.docker_config, images, timeout=asked.timeout)
    if not found and not unread:
        output.note("nothing is in there that pulls an image")
    platforms = Platforms(asked.platforms, nodes)
    return Read(found, Lookups(world, machine), platforms, unread, warnings, lost)


def _of_image(image: str, namespace: str, asked: Asked) -> PodTemplate:
    """An image as the Pod that would pull it."""
    containers = (Container("", inputs.as_utf8(image)),)
    return PodTemplate("", namespace, asked.serviceaccount, (), containers)


def _assume(world: World, secret: PullSecret) -> None:
    if secret.namespace:
        world.secrets[secret.namespace, secret.name] = secret
    else:
        world.assumed[secret.name] = secret


def _give(world: World, template: PodTemplate, secrets: Sequence[PullSecret]) -> None:
    """Let the ServiceAccount of `template` have exactly these Secrets."""
    place = template.namespace
    world.secrets |= {(place, str(at)): secret for at, secret in enumerate(secrets)}
    world.accounts[place, template.account] = tuple(map(str, range(len(secrets))))


def _manifests(asked: Asked, namespace: str) -> Manifests:
    from regcred.manifests import gathering, sources

    streams = sources.find(asked.files, recursive=asked.recursive, verb=gathering.VERB)
    if any(not stream.path for stream in streams) and sys.stdin.isatty():
        output.note("reading manifests from the terminal; Ctrl-D ends them")
    return gathering.gather(
        streams,
        namespace=namespace,
        extra=asked.paths,
        wrong=lambda error: output.error(error.message, error.hint),
    )


def _malformed(manifests: Manifests) -> list[Problem]:
    """Secrets of the stream that spoil any Pod that names them, where no Pod in it does."""
    named = {
        (template.namespace, name)
        for template in manifests.templates
        for name in list_of(template, manifests.accounts)
    }
    return [
        Problem(Reason.SECRET_MALFORMED, broken.error.message, broken.error.hint, broken.source)
        for place, secret in manifests.secrets.items()
        if place not in named
        for broken in Keyring.build([secret]).broken
    ]


async def _live(
    client: Client, asked: Asked, step: Callable[[], None]
) -> tuple[list[PodTemplate], list[Problem]]:
    from regcred.kube import workloads

    namespaces = None if asked.all_namespaces else asked.namespaces
    live = await workloads.find(client, namespaces, step)
    unread = [
        Problem(Reason.UNKNOWN, error.message, error.hint, what) for what, error in live.unread
    ]
    return live.templates, unread


async def _cluster(
    client: Client,
    asked: Asked,
    world: World,
    found: list[PodTemplate],
    step: Callable[[], None],
) -> tuple[Platform, ...]:
    """Read what the Pod templates need; the platforms of the nodes, as far as they are told."""
    from regcred.kube import workloads

    if not asked.own_logins:
        await workloads.read_world(client, world, found, step)
    if asked.platforms:
        return ()
    try:
        nodes = await workloads.architectures(client)
    except Forbidden:
        output.note("nodes may not be listed: images are looked for as linux/amd64")
        return ()
    return tuple(dict.fromkeys(Platform.normalized(*node) for node in nodes))
