"""A container runtime's complaint about a pull, as kubelet passes it on: read, and fit to show."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from regcred.core.problem import Reason


class Network(StrEnum):
    """What of the way to the registry fails."""

    DNS = "dns"
    REFUSED = "refused"
    TIMEOUT = "timeout"
    TLS = "tls"
    PLAIN_HTTP = "plain http"
    PROXY = "proxy"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class PullError:
    """One complaint.

    Args:
        reason: of the closed list; ``Unknown`` where the text is of no known kind.
        text: the complaint, one line, fit to be shown: credentials and what signs URLs redacted;
            of a known kind without the wrapping that repeats the image's name.
        host: who answered, or did not; empty where the text does not say.
        status: of the HTTP answer; 0 where the text does not say.
        network: what fails where `reason` is ``Unreachable``; None else.
    """

    reason: Reason
    text: str
    host: str = ""
    status: int = 0
    network: Network | None = None
