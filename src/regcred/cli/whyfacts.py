"""Facts about failing Pods, put together: what was read, and what registries say to the logins.

A registry is asked with a login only after kubelet's lookup has matched the two, for images of
Pods that fail, and each question once (`regcred.cli.checking`). Secrets that nobody gave to a Pod
are looked at only where nothing else brings its image.
"""

from __future__ import annotations

from base64 import b64encode
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING
from urllib.parse import quote

from regcred.cli.checking import NEVER, Lookups, Platforms, Question
from regcred.core.diagnosis import diagnose, podevents
from regcred.core.diagnosis.facts import AccountFacts, Facts, Login, SecretFacts
from regcred.core.diagnosis.verdict import Outcome
from regcred.core.pods import pulltext
from regcred.core.pods.podtemplate import Container
from regcred.core.pods.stuck import StuckPod, Waiting
from regcred.core.problem import Reason
from regcred.core.registry.platform import Platform
from regcred.kube.podfacts import Reader, merged

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from datetime import datetime

    from regcred.cli.checking import Checker
    from regcred.core.diagnosis.cause import Diagnosis
    from regcred.core.diagnosis.facts import Unread
    from regcred.core.pods.failing import FailingPod, Failure
    from regcred.core.pods.podtemplate import PodTemplate
    from regcred.kube.client import Client
    from regcred.kube.podfacts import Surroundings
    from regcred.kube.podowners import Owner
    from regcred.kube.podsearch import Found, Key

NOT_PROBED = "--no-probe"
_MIRRORED = "Node"


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing that is wrong.

    Args:
        diagnosis: why.
        facts: what it rests on; None where it is no pull.
    """

    diagnosis: Diagnosis
    facts: Facts | None = None


@dataclass(slots=True)
class _Pull:
    """One image that does not come, and the lists of pull Secrets that matter for it."""

    pod: FailingPod
    failure: Failure
    owner: Owner
    frozen: Login
    anew: Login | None = None
    cut_off: Login | None = None
    others: Login | None = None

    @property
    def comes(self) -> bool:
        """Whether one of the lists brings it, as far as the registry was asked."""
        asked = (self.frozen, self.anew, self.cut_off)
        return any(login and _is_ok(login) for login in asked)


@dataclass(slots=True)
class Gathering:
    """Puts facts together.

    Args:
        client: the API server.
        found: the Pods.
        now: the time.
        checker: asks registries; None to ask none.
        step: something has been found out.
    """

    client: Client
    found: Found
    now: datetime
    checker: Checker | None
    step: Callable[[], None]
    unread: list[Unread] = field(default_factory=list)

    async def entries(self) -> list[Entry]:
        """What is wrong, pulls first; `unread` then has what could not be read.

        Raises:
            ClusterUnreachable, Unauthorized: nothing can be read any more.
            InvalidInput: a file of this machine, that says how to reach a registry, cannot be used.
        """
        pods = [pod for pod in self.found.failing if any(f.is_pull for f in pod.failures)]
        siblings = [pod for pod in self.found.siblings if any(f.is_pull for f in pod.failures)]
        reader = Reader(self.client, self.found.objects, self.step)
        around = await reader.read(pods, nodes=self.checker is not None)
        lookups = Lookups(around.world)
        pulls = [
            _pull(pod, failure, around, lookups)
            for pod in pods
            for failure in pod.failures
            if failure.is_pull
        ]
        await self._ask(pulls, ("frozen", "anew", "cut_off"), around)
        lost = [pull for pull in pulls if not pull.comes and pull.failure.policy != NEVER]
        await reader.read_beside(pull.pod.namespace for pull in lost)
        await reader.read_givers(pull.pod.namespace for pull in lost)
        for pull in lost:
            pull.others = _beside(pull, around, lookups)
        await self._ask(lost, ("others",), around)
        waiting = _waiting(pods, siblings, around)
        entries = [self._entry(pull, around, waiting[_maker(pull.pod, around)]) for pull in pulls]
        entries += [Entry(diagnose.not_made(each)) for each in self.found.not_made]
        entries += [
            Entry(diagnose.other(pod, failure))
            for pod in self.found.failing
            for failure in pod.failures
            if not failure.is_pull
        ]
        owned = (unread for owner in around.owners.values() for unread in owner.unread)
        self.unread = merged((*self.found.unread, *around.unread.values(), *owned))
        return entries

    async def _ask(
        self, pulls: Sequence[_Pull], lists: Iterable[str], around: Surroundings
    ) -> None:
        """Ask the registries with the logins of these lists."""
        if self.checker is None:
            return
        asked = [(pull, name) for name in lists for pull in pulls if getattr(pull, name)]
        questions = [_question(pull, getattr(pull, name), around) for pull, name in asked]
        verdicts = await self.checker.check(questions, self.step)
        for (pull, name), checked in zip(asked, verdicts, strict=True):
            setattr(pull, name, replace(getattr(pull, name), verdict=checked.verdict))

    def _entry(self, pull: _Pull, around: Surroundings, waiting: Waiting) -> Entry:
        pod, failure = pull.pod, pull.failure
        tries = podevents.tries(around.events.get(pod.uid, ()), failure, self.now, pod)
        account = around.accounts[pod.namespace, pod.template.account]
        hide = _secrets_of(pull)
        said = pulltext.parse(failure.message, hide)
        if said.reason is Reason.UNKNOWN and tries.message:
            # The status says that kubelet waits, and only an event says for what.
            said = pulltext.parse(tries.message, hide)
        else:
            tries = replace(tries, message="")
        facts = Facts(
            pod,
            failure,
            self.now,
            said,
            pull.frozen,
            pull.anew,
            account,
            waiting,
            secrets=_secrets(pull, account, around),
            elsewhere={
                name: places
                for name in pod.template.secrets
                if (places := around.elsewhere.get(name))
                and around.secrets[pod.namespace, name].exists is False
            },
            tries=tries,
            cut_off=pull.cut_off,
            others=pull.others,
            unread=tuple(_unread(pull, around)),
            not_probed="" if self.checker else NOT_PROBED,
            givers=None if around.givers is None else around.givers.get(pod.namespace, ()),
            operators=around.operators(pod.namespace),
            outdated=pull.owner.newer,
        )
        return Entry(diagnose.diagnose(facts), facts)


def _secrets_of(pull: _Pull) -> set[str]:
    """What a registry may have seen of the Pod's logins, in any form, and may repeat."""
    found = set()
    for login in (pull.frozen, pull.anew, pull.cut_off, pull.others):
        for candidate in login.lookup.candidates if login else ():
            password = candidate.credential.password.reveal()
            pair = f"{candidate.credential.username}:{password}".encode()
            found |= {password, quote(password), b64encode(pair).decode()}
    return found


def _is_ok(login: Login) -> bool:
    return login.verdict is not None and login.verdict.outcome is Outcome.OK


def _pull(pod: FailingPod, failure: Failure, around: Surroundings, lookups: Lookups) -> _Pull:
    owner = around.owner(pod)
    made = _anew(pod, owner)
    pull = _Pull(pod, failure, owner, Login(*lookups.of(pod.template, failure.image)))
    if made:
        pull.anew = Login(*lookups.of(made, failure.image))
    account = around.accounts[pod.namespace, pod.template.account]
    # Where the list is a copy of the ServiceAccount's, what came there later is not cut off by it.
    own = pod.owner is None or (made is not None and made.has_list)
    if pod.template.has_list and own:
        cut = [name for name in account.names or () if name not in pod.template.secrets]
        pull.cut_off = _of_names(pull, cut, around, lookups)
    return pull


def _anew(pod: FailingPod, owner: Owner) -> PodTemplate | None:
    """The template of a Pod that is made now by the same owner; None where that is not known."""
    if owner.template:
        return replace(owner.template, namespace=pod.namespace, exists=False)
    if owner.kind == _MIRRORED or pod.template.has_list:
        return None  # whether the list is the template's or the ServiceAccount's, nobody says
    return replace(pod.template, exists=False)


def _beside(pull: _Pull, around: Surroundings, lookups: Lookups) -> Login | None:
    """The pull Secrets of the namespace that nobody gives to the Pod."""
    namespace = pull.pod.namespace
    account = around.accounts[namespace, pull.pod.template.account]
    given = {*pull.pod.template.secrets, *(account.names or ())}
    there = around.beside.get(namespace, ())
    return _of_names(pull, [name for name in there if name not in given], around, lookups)


def _of_names(
    pull: _Pull, names: Sequence[str], around: Surroundings, lookups: Lookups
) -> Login | None:
    """What these Secrets come to, as far as they exist; None where none is for the image."""
    secrets = around.world.secrets
    place = pull.pod.namespace
    there = [name for name in names if (s := secrets.get((place, name))) and s.data is not None]
    if not there:
        return None
    template = replace(pull.pod.template, secrets=tuple(there), exists=True)
    login = Login(*lookups.of(template, pull.failure.image))
    return login if login.lookup.candidates else None


def _question(pull: _Pull, login: Login, around: Surroundings) -> Question:
    failure, template = pull.failure, pull.pod.template
    container = Container(failure.container, failure.image, failure.policy)
    node = around.nodes.get(pull.pod.node)
    platforms = Platforms((Platform.normalized(*node),) if node else ()).of(template)
    return Question(template, container, login.own, login.lookup, platforms)


def _secrets(pull: _Pull, account: AccountFacts, around: Surroundings) -> dict[str, SecretFacts]:
    """Those of the Pod's list, of its ServiceAccount's, and of a Pod's that is made now."""
    place = pull.pod.namespace
    anew = (each.name for each in pull.anew.own.secrets) if pull.anew else ()
    names = dict.fromkeys((*pull.pod.template.secrets, *(account.names or ()), *anew))
    return {name: around.secrets[place, name] for name in names}


def _unread(pull: _Pull, around: Surroundings) -> list[Unread]:
    """What could not be read that concerns this image, each missing right once."""
    pod, owner = pull.pod, pull.owner
    place, account = pod.namespace, pod.template.account
    names = dict.fromkeys((*pod.template.secrets, *(around.accounts[place, account].names or ())))
    keys: list[Key] = [
        *(("Secret", place, name) for name in names),
        ("ServiceAccount", place, account),
        *(("Secret", "", name) for name in pod.template.secrets),
        ("Event", place, ""),
        ("Node", "", pod.node),
    ]
    if not pull.comes:
        keys += [("Secret", place, ""), ("PullCredential", "", "")]
    return merged((*owner.unread, *(around.unread[key] for key in keys if key in around.unread)))


def _maker(pod: FailingPod, around: Surroundings) -> tuple[str, str, str]:
    owner = around.owner(pod)
    return pod.namespace, owner.kind, owner.name


def _waiting(
    pods: Sequence[FailingPod], siblings: Sequence[FailingPod], around: Surroundings
) -> dict[tuple[str, str, str], Waiting]:
    """The Pods that wait, by what makes them."""
    stuck: dict[tuple[str, str, str], list[StuckPod]] = {}
    owners: dict[tuple[str, str, str], Owner] = {}
    for pod in pods:
        owners[_maker(pod, around)] = around.owner(pod)
        stuck.setdefault(_maker(pod, around), []).append(_stuck(pod))
    for pod in siblings:
        key = _maker(pod, around) if (pod.namespace, *(pod.owner or ())) in around.owners else None
        if key in stuck:
            stuck[key].append(_stuck(pod))
    return {
        key: Waiting(
            tuple(stuck[key]),
            owner.kind,
            owner.name,
            template_secrets=owner.template.secrets if owner.template else (),
            on_delete=owner.on_delete,
            paused=owner.paused,
        )
        for key, owner in owners.items()
    }


def _stuck(pod: FailingPod) -> StuckPod:
    images = dict.fromkeys(failure.image for failure in pod.failures if failure.is_pull)
    return StuckPod(
        namespace=pod.namespace,
        name=pod.name,
        uid=pod.uid,
        images=tuple(images),
        serviceaccount=pod.template.account,
        pull_secrets=pod.template.secrets,
        owner=pod.owner,
    )
