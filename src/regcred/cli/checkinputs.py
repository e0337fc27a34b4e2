"""What ``regcred check`` looks at: images, manifests, what runs; and the logins for it."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from regcred.cli import checklogins, inputs, output
from regcred.cli.checking import Lookups, Platforms
from regcred.core.errors import (
    Forbidden,
    NotFound,
    Unauthorized,
    Unreachable,
    UsageError,
)
from regcred.core.logins.keyring import Keyring
from regcred.core.pods.effective import Given, World, list_of
from regcred.core.pods.podtemplate import Container, PodTemplate
from regcred.core.problem import Problem, Reason, listed
from regcred.core.registry.platform import Platform

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from regcred.core.logins.pullsecret import PullSecret
    from regcred.core.manifests.manifestpath import KindPath
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
        return self.docker_config is not None or bool(self.secret_files)

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


def read_files(asked: Asked, namespace: str, step: Callable[[], None]) -> Read:
    """Read what is in files and arguments; `read` adds what the cluster has.

    Args:
        asked: what a person asks for.
        namespace: of what names none.
        step: an object has been read.
    """
    world = World()
    read = Read([], Lookups(world), Platforms(asked.platforms))
    if asked.images:
        read.templates = [_of_image(image, namespace, asked) for image in asked.images]
        if asked.secret_files:
            _give(world, read.templates[0], checklogins.secret_files(asked.secret_files))
    for secret in checklogins.secret_files(asked.assumed, option="--assume-secret"):
        _assume(world, secret)
    if asked.files:
        manifests = _manifests(asked, namespace, step)
        read.templates = manifests.templates
        world.accounts |= manifests.accounts
        world.declared |= manifests.declared
        world.secrets |= manifests.secrets
        read.warnings = _malformed(manifests)
        _tell_passed_over(manifests)
    return read


async def read(
    asked: Asked, read: Read, config: ClusterConfig | None, step: Callable[[], None]
) -> None:
    """Add what the cluster has, and the logins of this machine.

    Args:
        asked: what a person asks for.
        read: of `read_files`.
        config: the cluster; None for none.
        step: something has been read.

    Raises:
        NotFound: there is no such namespace as images are asked for.
    """
    world = read.lookups.world
    if config is None:
        world.accounts |= dict.fromkeys(world.declared - world.accounts.keys(), ())
        if asked.images and world.given is Given.LISTS and not asked.assumed:
            _give(world, read.templates[0], ())
    else:
        from regcred.kube.client import Client

        async with Client(config, timeout=asked.timeout) as client:
            if asked.live:
                await _live(client, asked, read, step)
            try:
                await _cluster(client, asked, read, step)
            except (Unreachable, Unauthorized) as error:
                if asked.live:
                    raise
                output.warning(f"{error.message}; what only the cluster knows is unknown")
                if error.hint:
                    output.tell_hint(error.hint)
                read.cluster_lost = True
    if asked.docker_config is not None:
        images = [each.image for template in read.templates for each in template.containers]
        read.lookups.machine = checklogins.machine(
            asked.docker_config, images, timeout=asked.timeout
        )
    else:
        _warn_of_unused(world, read)
    if not read.templates and not read.unread:
        output.note("nothing is in there that pulls an image")


def _of_image(image: str, namespace: str, asked: Asked) -> PodTemplate:
    """An image as the Pod that would pull it."""
    containers = (Container("", inputs.as_utf8(image)),)
    return PodTemplate("", namespace, asked.serviceaccount, (), containers)


def _assume(world: World, secret: PullSecret) -> None:
    if secret.namespace:
        world.placed[secret.namespace, secret.name] = secret
        world.secrets[secret.namespace, secret.name] = secret
    else:
        world.assumed[secret.name] = secret


def _give(world: World, template: PodTemplate, secrets: Sequence[PullSecret]) -> None:
    """Let the ServiceAccount of `template` have exactly these Secrets."""
    place = template.namespace
    world.given = Given.FILES if secrets else Given.NOBODY
    world.secrets |= {(place, str(at)): secret for at, secret in enumerate(secrets)}
    world.accounts[place, template.account] = tuple(map(str, range(len(secrets))))


def _warn_of_unused(world: World, read: Read) -> None:
    """Say which Secrets of ``--assume-secret`` no Pod looks for."""
    named = {
        (template.namespace, name)
        for template in read.templates
        for name in list_of(template, world.accounts)
    }
    names = {name for _, name in named}
    unused = [secret.source for name, secret in world.assumed.items() if name not in names]
    unused += [secret.source for place, secret in world.placed.items() if place not in named]
    for source in unused:
        output.warning(f"--assume-secret: no Pod, and no ServiceAccount of theirs, names {source}")
    if unused and named:
        output.tell_hint(f"they name {listed(sorted(names))}")


def _manifests(asked: Asked, namespace: str, step: Callable[[], None]) -> Manifests:
    from regcred.manifests import gathering, sources

    streams = sources.find(asked.files, recursive=asked.recursive, verb=gathering.VERB)
    if any(not stream.path for stream in streams) and sys.stdin.isatty():
        output.note("reading manifests from the terminal; Ctrl-D ends them")
    found = gathering.gather(
        streams,
        namespace=namespace,
        extra=asked.paths,
        wrong=lambda error: output.error(error.message, error.hint),
        step=step,
    )
    if not found.objects:
        # As kubectl apply has it. A chart may well have no Pods, but not nothing at all.
        named = listed([stream.name for stream in streams])
        raise UsageError(
            f"nothing is there to check: no object is in {named}",
            hint="an object has an apiVersion and a kind; did what should write them fail?",
        )
    return found


def _tell_passed_over(manifests: Manifests) -> None:
    """Say what has images, perhaps, and was not looked at."""
    for path in manifests.unused:
        output.warning(f"no object in the input has an image where --path {path} says")
    for kind, (count, where) in manifests.strangers.items():
        more = f" and {count - 1:,} more" if count > 1 else ""
        output.warning(f"{where}{more}: not checked, since nobody says where {kind} has its Pods")
        output.tell_hint(f"--path '{kind}=.spec.template.spec', or where else its containers are")


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


async def _live(client: Client, asked: Asked, read: Read, step: Callable[[], None]) -> None:
    from regcred.kube import workloads

    namespaces = None if asked.all_namespaces else asked.namespaces
    live = await workloads.find(client, namespaces, step)
    read.templates = live.templates
    read.lookups.world.waiting = live.waiting
    read.unread = [
        Problem(Reason.UNKNOWN, error.message, error.hint, what) for what, error in live.unread
    ]
    there = {template.namespace for template in live.templates}
    for name in await workloads.missing(client, (n for n in asked.namespaces if n not in there)):
        what = f"namespace {name}"
        problem = Problem(Reason.UNKNOWN, f"{what} does not exist", "kubectl get namespaces", what)
        read.unread.append(problem)


async def _cluster(client: Client, asked: Asked, read: Read, step: Callable[[], None]) -> None:
    """Read what the Pod templates need, and the platforms of the nodes, as far as they are told."""
    from regcred.kube import workloads

    world = read.lookups.world
    if not asked.own_logins:
        await workloads.read_world(client, world, read.templates, step)
        if asked.images:
            await _check_namespace(client, world, read.templates[0])
    if asked.platforms:
        return
    try:
        nodes = await workloads.architectures(client)
    except Forbidden:
        output.note("nodes may not be listed: images are looked for as linux/amd64")
        return
    read.platforms.nodes = tuple(dict.fromkeys(Platform.normalized(*node) for node in nodes))


async def _check_namespace(client: Client, world: World, template: PodTemplate) -> None:
    """Make sure that the namespace of images exists, where its ServiceAccount gives no reason to.

    Raises:
        NotFound: it does not.
    """
    from regcred.kube import workloads

    namespace = template.namespace
    if world.accounts.get((namespace, template.account)):
        return
    if await workloads.missing(client, [namespace]):
        raise NotFound(f"namespace {namespace} does not exist", hint="kubectl get namespaces")
