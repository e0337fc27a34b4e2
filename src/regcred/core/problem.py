"""Why an image gets no credential, or one that is not what it seems: a closed list of reasons.

A reason is what a script goes by, the message is for a person and names the object, and the hint
says what mends it, preferably a command.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

#: How many things of a kind a message names.
_LISTED = 3


class Reason(StrEnum):
    """The word for a problem, in the style of Kubernetes' own reasons."""

    #: Not an image reference, for which kubelet says InvalidImageName, or one whose registry has
    #: a port that there is not; nobody is asked.
    BAD_REFERENCE = "BadReference"
    #: No pull Secret holds a login that could be used; the pull goes out without one.
    NO_CREDENTIAL = "NoCredential"
    #: There are logins, and none is for this image; the pull goes out without one.
    NO_MATCHING_REGISTRY = "NoMatchingRegistry"
    #: The Secret is named and does not exist; kubelet passes over it.
    SECRET_MISSING = "SecretMissing"  # noqa: S105
    #: The Secret's type, or what it holds, is not what kubelet looks for; it passes over it.
    WRONG_SECRET_TYPE = "WrongSecretType"  # noqa: S105
    #: kubelet cannot decode the Secret, or the image's entry in it, and gives up.
    SECRET_MALFORMED = "SecretMalformed"  # noqa: S105
    #: An entry that is not the image's own keeps kubelet from the one that is.
    SHADOWED = "Shadowed"

    # From here on: what the registry says (`regcred.core.registry.answer`).

    #: The image can be pulled.
    OK = "Ok"
    #: It does not accept the login, or wants one where there is none.
    UNAUTHORIZED = "Unauthorized"
    #: It knows who asks, who may not pull this.
    FORBIDDEN = "Forbidden"
    #: It has no such repository or tag, or nothing there that a node could pull.
    NOT_FOUND = "NotFound"
    #: The image is there, but not for the platform asked for.
    PLATFORM_MISSING = "PlatformMissing"
    #: The login has expired.
    EXPIRED = "Expired"
    #: It takes no more requests for now.
    RATE_LIMITED = "RateLimited"
    #: No registry answers there: DNS, TCP, TLS, time-out, or what answers is none.
    UNREACHABLE = "Unreachable"

    #: What decides about the login could not be read, so there is no yes and no no.
    UNKNOWN = "Unknown"
    #: ``imagePullPolicy: Never``: kubelet does not pull it.
    NEVER_PULLED = "NeverPulled"

    # From here on: the pull may work, and is not what it seems.

    #: Entries of one Secret come under one index with different logins: in any order.
    AMBIGUOUS_ORDER = "AmbiguousOrder"
    #: One of the entries that match holds no login; kubelet asks without one on its turn.
    EMPTY_CREDENTIAL = "EmptyCredential"
    #: Docker Hub's login goes to a registry that is not Docker Hub.
    SENT_ELSEWHERE = "SentElsewhere"
    #: The reference has no tag, or ``latest``: what is pulled may change at any time.
    LATEST_TAG = "LatestTag"
    #: The login says itself that it ends within a day.
    EXPIRES_SOON = "ExpiresSoon"
    #: The login is an identity token of docker's, which kubelet ignores.
    IDENTITY_TOKEN = "IdentityToken"  # noqa: S105 - a word of ours
    #: The password ends with a line end, which is seldom part of it.
    LINE_END_IN_PASSWORD = "LineEndInPassword"  # noqa: S105 - a word of ours
    #: The Pod has a list of its own, so it gets nothing of its ServiceAccount's.
    CUTS_OFF_SERVICEACCOUNT = "CutsOffServiceAccount"

    # From here on: what only a Pod that is there can have (`regcred.core.diagnosis.diagnose`).

    #: The ServiceAccount got its pull Secret after the Pod was made, whose list is frozen.
    POD_OLDER_THAN_ATTACHMENT = "PodOlderThanAttachment"
    #: The Pod has a list of its own, and the login is in one of its ServiceAccount's Secrets.
    LIST_CUTS_OFF_SERVICEACCOUNT = "ListCutsOffServiceAccount"
    #: The Secret that the Pod names exists, but in another namespace.
    SECRET_IN_OTHER_NAMESPACE = "SecretInOtherNamespace"  # noqa: S105
    #: The Pod may name no Secret that is not on its ServiceAccount, and does.
    SECRET_NOT_ON_SERVICEACCOUNT = "SecretNotOnServiceAccount"  # noqa: S105
    #: It would be pulled now; kubelet waits before it tries again.
    BACK_OFF_ONLY = "BackOffOnly"
    #: It can be pulled from here with the Pod's own logins, and the node fails.
    NODE_ONLY = "NodeOnly"
    #: The registry takes no more pulls for now.
    REGISTRY_THROTTLES = "RegistryThrottles"
    #: ``imagePullPolicy: Never``, and the node does not have the image.
    IMAGE_POLICY_NEVER = "ImagePolicyNever"
    #: The Pod does not run for a reason that is no pull.
    NOT_A_PULL_PROBLEM = "NotAPullProblem"


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong, or odd.

    Args:
        reason: the word for it.
        message: what it is and on which object, one sentence; never a password.
        hint: what to do about it; may be empty.
        source: where it stands: ``Secret team-a/regcred``, or a file; empty for the image itself.
    """

    reason: Reason
    message: str
    hint: str = ""
    source: str = ""


def listed(things: Sequence[str], unnamed: int = 0) -> str:
    """Some of `things` for a message, and how many more there are, `unnamed` ones besides."""
    more = max(0, len(things) - _LISTED) + unnamed
    return ", ".join(things[:_LISTED]) + (f" and {more} more" if more else "")
