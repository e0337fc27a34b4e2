"""What the operator keeps of a Pod that waits for an image without its Secret in the frozen list.

A Pod's ``imagePullSecrets`` are what admission made of them when it was created, and never change.
So a login that came later mends such a Pod only by way of its successor. What `regcred why` reads
of a Pod (`regcred.core.pods.podstate`) decides whether it is one; of all others nothing is kept.

Three words: such a Pod is *stranded*, whoever could give it the login; it is *stuck* for want of a
PullCredential that does (`regcred.core.operator.rescue`), as `regcred.core.pods.stuck` has it of
the login of a person; and *evictable* where it is to be evicted (`regcred.core.operator.survey`).
In documents those that are stuck are called Pods from before.

Whoever may create Pods decides how many containers they have and what their images are called, so
what is looked at of one Pod, and what is kept of it, has a bound.

Source: https://kubernetes.io/docs/concepts/containers/images/#imagepullbackoff
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import islice
from sys import intern
from typing import TYPE_CHECKING, Any

from regcred.core import fields
from regcred.core.errors import InvalidImage
from regcred.core.logins.image import parse_image
from regcred.core.logins.urlmatch import Place, place
from regcred.core.pods import podstate, pulltext
from regcred.core.problem import Reason

if TYPE_CHECKING:
    from collections.abc import Iterator

    from regcred.core.pods.failing import Failure

#: kubelet's reasons for an image that it has asked for and did not get.
_REFUSED = frozenset({"ErrImagePull", "ImagePullBackOff"})

#: What kubelet's text may say that another login does not mend; "not found" is not among them,
#: since that is what some registries say to strangers.
_NO_LOGIN_MENDS = frozenset(
    {
        Reason.BAD_REFERENCE,
        Reason.NOT_A_PULL_PROBLEM,
        Reason.PLATFORM_MISSING,
        Reason.SECRET_MALFORMED,
        Reason.UNREACHABLE,
    }
)

#: Images that were refused, of one Pod, that are looked at: one that a login mends is enough.
MOST_IMAGES = 16
_LONG_AGO = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Owner:
    """The controller of a Pod.

    Args:
        kind: ``ReplicaSet``, ``DaemonSet``, …
        name: its name.
        uid: tells it from a later one of the same name.
    """

    kind: str
    name: str
    uid: str


@dataclass(frozen=True, slots=True)
class StrandedPod:
    """A Pod that waits for images and does not name the Secret.

    Args:
        uid: tells it from a later one of the same name, as a StatefulSet makes it.
        version: its resourceVersion; kubelet writes a new one at each try.
        created: when it was made.
        account: the name of its ServiceAccount.
        names: its frozen list.
        images: names (`ImageReference.name`) of the images that it waits for, at most
            `MOST_IMAGES`.
        owner: its controller; None for a bare Pod.
        runs: a container of it runs, beside those that wait.

    Attributes:
        places: where those images are.
    """

    uid: str
    version: str = field(compare=False)
    created: datetime
    account: str
    names: tuple[str, ...]
    images: tuple[str, ...]
    owner: Owner | None
    runs: bool
    places: tuple[Place, ...] = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        """Read the images once, for however many registries they are compared with."""
        found = tuple(each for each in map(place, self.images) if each is not None)
        object.__setattr__(self, "places", found)


def see(pod: dict[str, Any], secret: str) -> StrandedPod | None:
    """What is kept of a Pod; None for one that the login of `secret` is no matter for.

    That is one that has it already, that kubelet has not been refused an image for, whose pull
    fails by something else than a login, that is on its way out, or that mirrors a static Pod,
    which no API request ever moves.

    Args:
        pod: from the API server.
        secret: the name of the operator's Secret.
    """
    metadata, spec = fields.mapping(pod.get("metadata")), fields.mapping(pod.get("spec"))
    entries = fields.entries(spec.get("imagePullSecrets"))
    names = tuple(intern(fields.text(each.get("name"))) for each in entries)
    if (
        secret in names
        or metadata.get("deletionTimestamp")
        or fields.mapping(pod.get("status")).get("phase") != "Pending"
        or fields.is_mirror(pod)
    ):
        return None
    failing = podstate.read(pod)
    images = tuple(dict.fromkeys(_wanted(failing.failures))) if failing else ()
    owner = _owner(pod)
    if failing is None or not images or (owner is not None and owner.kind == "Node"):
        return None
    return StrandedPod(
        failing.uid,
        fields.text(metadata.get("resourceVersion")),
        failing.created or _LONG_AGO,
        intern(fields.text(spec.get("serviceAccountName")) or "default"),
        names,
        images,
        owner,
        failing.is_running,
    )


def _wanted(failures: tuple[Failure, ...]) -> Iterator[str]:
    """Names of the images that a login may bring."""
    # A successor would have no ephemeral containers.
    refused = (f for f in failures if f.state in _REFUSED and f.kind != "ephemeral container")
    for failure in islice(refused, MOST_IMAGES):
        if pulltext.parse(failure.message).reason in _NO_LOGIN_MENDS:
            continue
        try:
            yield intern(parse_image(failure.image).name)
        except InvalidImage:
            continue


def _owner(pod: dict[str, Any]) -> Owner | None:
    ref = fields.controller_ref(pod)
    kind, name, uid = (fields.text(ref.get(key)) for key in ("kind", "name", "uid"))
    return Owner(intern(kind), name, uid) if ref else None
