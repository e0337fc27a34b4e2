"""Facts for a diagnosis, made as they are gathered: with real lookups, and a registry's word."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

from regcred.core.diagnosis.facts import AccountFacts, Facts, Login, SecretFacts, Tries
from regcred.core.diagnosis.verdict import judge, tries
from regcred.core.logins.keyring import Keyring
from regcred.core.logins.lookup import look_up
from regcred.core.logins.pullsecret import PullSecret
from regcred.core.pods.effective import Effective, World, effective
from regcred.core.pods.failing import FailingPod, Failure
from regcred.core.pods.podtemplate import Container, PodTemplate
from regcred.core.pods.pulltext import PullError
from regcred.core.pods.stuck import StuckPod, Waiting
from regcred.core.problem import Reason
from regcred.core.registry.answer import Answer

NOW = datetime(2026, 11, 23, 3, 0, tzinfo=UTC)
NAMESPACE = "team-a"
IMAGE = "registry.example/team/app:1"
HOST = "registry.example"
PASSWORD = "kq7-Hidden.Pass+Word/91"

JSON = "kubernetes.io/dockerconfigjson"


def auths(registry=HOST, username="ann", password=PASSWORD, **more):
    """A docker config with one login."""
    entry = {"username": username, "password": password} | more
    return JSON, {".dockerconfigjson": json.dumps({"auths": {registry: entry}}).encode()}


BROKEN = JSON, {".dockerconfigjson": b'{"auths": {"registry.example": {"auth": "%%%"}}}'}
BROKEN_OTHER = JSON, {".dockerconfigjson": b'{"auths": {"other.example": {"auth": "%%%"}}}'}
OPAQUE = "Opaque", {"password": b"x"}
MISSING = None


def said(reason=Reason.UNAUTHORIZED, text=None, **facts):
    """kubelet's text, read."""
    text = f"the runtime's words for {reason}" if text is None else text
    return PullError(reason, text, **facts)


def stage(
    *,
    image=IMAGE,
    own=(),
    template=(),
    sa=(),
    secrets=(),
    answers=None,
    probe=True,
    text=None,
    state="ImagePullBackOff",
    kind="Deployment",
    container="container",
    account="default",
    others=(),
    elsewhere=(),
    kept=(),
    fixed=(),
    ends=(),
    times=(),
    last=None,
    unread=(),
    paused=False,
    on_delete=False,
    not_probed="",
    created=NOW - timedelta(hours=1),
    node="node-1",
    missing_account=False,
    volume=False,
    running=False,
    account_anew="",
    gave=(),
    givers=(),
    operators="",
):
    """Facts of one failing Pod.

    Args:
        own: the frozen list of the Pod.
        template: the list in its owner's template.
        sa: the ServiceAccount's list now; None for one that may not be read.
        secrets: name → (type, data), or None for one that is missing; one that is named and not
            here may not be read.
        answers: username (None: nobody) → reason of the registry's answer; others are refused.
        probe: whether the registry is asked.
        others: names of Secrets that lie beside.
        kept: name → ``login`` or ``operator``.
        ends: name → when its logins end, by regcred's mark.
        fixed: names of Secrets that nothing can be merged into.
        times: name → (created, changed).
        last: kubelet's last try.
        gave: name → registry → the PullCredential that its login came from.
        givers: PullCredentials; None for those that may not be read.
        operators: the name of the operator's Secret.
    """
    secrets, kept, times = dict(secrets), dict(kept), dict(times)
    objects = {
        (NAMESPACE, name): PullSecret(name, NAMESPACE, *(found or ("Opaque", None)))
        for name, found in secrets.items()
    }
    world = World(secrets=objects)
    if sa is not None:
        world.accounts[NAMESPACE, account_anew or account] = tuple(sa)
    containers = (Container("app", image),)
    pod = PodTemplate("pod/web-1", NAMESPACE, account, tuple(own), containers, exists=True)
    made = PodTemplate(
        "deployment/web", NAMESPACE, account_anew or account, tuple(template), containers
    )

    def login(secret_list):
        lookup = look_up(Keyring.build(secret_list.secrets), image)
        return Login(secret_list, lookup, verdict(lookup, secret_list))

    def verdict(lookup, secret_list):
        if not probe:
            return None
        given = {}
        for credential in tries(lookup):
            name = credential.username if credential else None
            reason = (answers or {}).get(name, Reason.UNAUTHORIZED)
            given[credential] = Answer(reason, f"{HOST} says {reason} to {name or 'nobody'}")
            if reason is Reason.OK:
                break
        return judge(lookup, given, secret_list, NOW)

    def some(names):
        present = tuple(objects[NAMESPACE, name] for name in names if secrets.get(name))
        found = login(Effective(present)) if present else None
        return found if found and found.lookup.candidates else None

    frozen = login(effective(pod, world))
    bare = kind == "Pod"
    anew = None if bare and own else login(effective(made, world))
    cut = [name for name in sa or () if name not in own] if own and (template or bare) else ()
    stuck = StuckPod(NAMESPACE, "web-1", "uid-1", (image,), account, tuple(own), None)
    failing = Failure(
        "app", "image volume" if volume else container, image, "Always", state, "raw", True
    )
    names = dict.fromkeys((*own, *(sa or ())))
    return Facts(
        FailingPod(
            NAMESPACE, "web-1", "uid-1", created, node, pod, None, (failing,), None, running
        ),
        failing,
        NOW,
        text or said(),
        frozen,
        anew,
        AccountFacts(
            account,
            None if sa is None else tuple(sa),
            None if sa is None else not missing_account,
            NOW - timedelta(minutes=5) if sa else None,
        ),
        Waiting((stuck,), kind, "web-1" if bare else "web", tuple(template), on_delete, paused),
        {
            name: SecretFacts(
                name,
                None if name not in secrets else secrets[name] is not None,
                *times.get(name, (None, None)),
                kept_by=kept.get(name, ""),
                is_fixed=name in fixed,
                expires=dict(ends).get(name),
                givers=dict(gave).get(name, {}),
            )
            for name in names
        },
        dict(elsewhere),
        Tries(last, 3 if last else 0, last and last + timedelta(seconds=80)),
        some(cut),
        some(others),
        tuple(unread),
        not_probed or ("" if probe else "--no-probe"),
        None if givers is None else tuple(givers),
        operators,
    )
