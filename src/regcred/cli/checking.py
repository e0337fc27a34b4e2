"""Ask registries about images: each distinct question once, everything at the same time."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from regcred.core.diagnosis.verdict import Outcome, Verdict, combine, judge, skipped, tries
from regcred.core.logins.keyring import Keyring
from regcred.core.logins.lookup import Lookup, look_up
from regcred.core.pods.effective import Effective, World, effective, list_of
from regcred.core.problem import Reason
from regcred.core.registry.platform import Platform

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from datetime import datetime

    from regcred.core.credential import Credential
    from regcred.core.logins.image import ImageReference
    from regcred.core.logins.pullsecret import PullSecret
    from regcred.core.pods.podtemplate import Container, PodTemplate
    from regcred.core.registry.answer import Answer
    from regcred.registry.prober import Prober

NEVER = "Never"


@dataclass(frozen=True, slots=True)
class Checked:
    """One image of one Pod template, and its verdict.

    Args:
        template: the Pod template.
        container: what needs the image; the first of several.
        lookup: what kubelet finds for it.
        verdict: see there.
    """

    template: PodTemplate
    container: Container
    lookup: Lookup
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class Question:
    """One image of one Pod template.

    Args:
        template: the Pod template.
        container: what needs the image.
        own: its pull Secrets.
        lookup: what kubelet finds with them.
        platforms: that it is needed for.
    """

    template: PodTemplate
    container: Container
    own: Effective
    lookup: Lookup
    platforms: tuple[Platform, ...]


@dataclass(slots=True)
class Platforms:
    """For which platforms images are needed.

    Args:
        asked: by ``--platform``.
        nodes: operating systems and architectures of the nodes, as far as they are known.
    """

    asked: tuple[Platform, ...] = ()
    nodes: tuple[Platform, ...] = ()

    def of(self, template: PodTemplate) -> tuple[Platform, ...]:
        """Those that a Pod of `template` may come to."""
        if self.asked:
            return self.asked
        system, architecture = template.os, template.architecture
        nodes = self.nodes or (Platform("linux", "amd64"),)
        # A Pod for Windows must say so to get there; one for Linux seldom does.
        if not system and any(node.os == "linux" for node in nodes):
            system = "linux"
        fitting = tuple(
            node
            for node in nodes
            if system in ("", node.os)
            and (not architecture or node == Platform.normalized(node.os, architecture))
        )
        if fitting:
            return fitting
        return (Platform.normalized(system or nodes[0].os, architecture or nodes[0].architecture),)


@dataclass(slots=True)
class Lookups:
    """What kubelet finds, each keyring built and asked once.

    Args:
        world: what is known.
        machine: the login of this machine, in place of all Secrets; None for those.
        machine_unknown: image hosts whose login could not be had from a helper → why.
    """

    world: World
    machine: PullSecret | None = None
    _keyrings: dict[tuple[str, tuple[str, ...]], Keyring] = field(default_factory=dict)
    _found: dict[tuple[str, tuple[str, ...], str], Lookup] = field(default_factory=dict)

    def of(self, template: PodTemplate, image: str) -> tuple[Effective, Lookup]:
        """The Pod's pull Secrets, and what kubelet finds in them."""
        key: tuple[str, tuple[str, ...]]
        if self.machine:
            own, key = Effective((self.machine,)), ("", ("",))
        else:
            own = effective(template, self.world)
            key = template.namespace, list_of(template, self.world.accounts)
        if (*key, image) not in self._found:
            if key not in self._keyrings:
                self._keyrings[key] = Keyring.build(own.secrets)
            self._found[*key, image] = look_up(self._keyrings[key], image)
        return own, self._found[*key, image]


def questions(
    templates: Iterable[PodTemplate], lookups: Lookups, platforms: Platforms
) -> Iterator[Question]:
    """What has to be found out: each image of a Pod template once."""
    for template in templates:
        seen = set()
        for container in template.containers:
            known = container.image, container.policy == NEVER
            if known in seen:
                continue
            seen.add(known)
            own, lookup = lookups.of(template, container.image)
            yield Question(template, container, own, lookup, platforms.of(template))


class Checker:
    """Answers questions.

    Args:
        prober: asks registries.
        now: the time.
        secrets: whether the logins are those of pull Secrets, and not of this machine.
    """

    def __init__(self, prober: Prober, now: datetime, *, secrets: bool) -> None:
        self._prober = prober
        self._now = now
        self._secrets = secrets
        self._asked: dict[tuple[str, str, str, str], asyncio.Task[Answer]] = {}
        self._known: dict[int, Checked] = {}

    @property
    def known(self) -> list[Checked]:
        """The verdicts so far of `check`, in the order of the questions."""
        return [self._known[number] for number in sorted(self._known)]

    async def check(
        self, asked: Sequence[Question], step: Callable[[], None] = lambda: None
    ) -> list[Checked]:
        """All verdicts, in the order of the questions.

        Args:
            asked: the questions.
            step: one is answered.

        Raises:
            InvalidInput: a file of this machine, that says how to reach a registry, cannot be used.
        """
        self._known = {}

        async def one(number: int, question: Question) -> None:
            verdict = await self._verdict(question)
            step()
            self._known[number] = Checked(
                question.template, question.container, question.lookup, verdict
            )

        try:
            async with asyncio.TaskGroup() as group:
                for numbered in enumerate(asked):
                    group.create_task(one(*numbered))
        except BaseExceptionGroup as errors:
            raise errors.exceptions[0] from None
        finally:
            for task in self._asked.values():
                task.cancel()
        return self.known

    async def _verdict(self, question: Question) -> Verdict:
        if question.container.policy == NEVER:
            return skipped()
        verdicts = []
        for platform in question.platforms:
            answers = await self._answers(question.lookup, platform)
            verdict = judge(
                question.lookup, answers, question.own, self._now, secrets=self._secrets
            )
            verdicts.append(verdict)
            if verdict.outcome is not Outcome.OK:
                break
        return combine(verdicts)

    async def _answers(self, lookup: Lookup, platform: Platform) -> dict[Credential | None, Answer]:
        answers: dict[Credential | None, Answer] = {}
        for credential in tries(lookup):
            assert lookup.reference is not None  # noqa: S101 - without one there are no tries
            answers[credential] = await self._probe(lookup.reference, credential, platform)
            if answers[credential].reason is Reason.OK:
                break
        return answers

    async def _probe(
        self, image: ImageReference, credential: Credential | None, platform: Platform
    ) -> Answer:
        """One probe for all who ask the same."""
        user, password = "", ""
        if credential:
            user, password = credential.username, credential.password.reveal()
        # What the tag is does not matter beside a digest, as to the registry.
        name = f"{image.name}@{image.reference}"
        key = name, user, password, str(platform)
        if key not in self._asked:
            self._asked[key] = asyncio.ensure_future(
                self._prober.probe(image, credential, platform)
            )
        return await asyncio.shield(self._asked[key])
