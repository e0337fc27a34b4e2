"""Causes of failing pulls: the folders in ``tests/e2e/causes``, and what they need to be staged.

``python -m tests.support.causes`` serves what some of them need besides the cluster, and prints
the variables that the manifests name, until it is ended: so a person stages them by hand.
"""

from __future__ import annotations

import base64
import json
import os
import secrets
import shlex
import sys
import tempfile
import threading
import time
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from cluster import Cluster
from cluster.registries import OUTSIDER
from tests.support.oddregistries import throttling, trusted_here
from tests.support.platforms import push_platforms

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

FOLDER = Path(__file__).parents[1] / "e2e" / "causes"
#: kubelet's reasons for a container whose pull has failed.
REFUSED = ("ErrImagePull", "ImagePullBackOff")
#: What mends a cause.
COMMAND, KUBELET, NOBODY = "by a command", "by kubelet", "by nobody"


@dataclass(frozen=True)
class Cause:
    """One folder.

    Args:
        folder: manifests and shell scripts, applied in the order of their names; what is in
            ``other-namespace`` comes before them, and goes to another one.
        says: one sentence.
        mended: by whom.
        reason: the identifier that ``regcred why`` is to give.
        reasons: the same where a Pod waits for several images: container → identifier.
        state: kubelet's reason for a container that waits; or that of an event, where there is
            no Pod.
        wait: file → what to wait for once it is applied: see `tests.support.stages.Stage.wait`.
        flags: of ``regcred why``.
        becomes: what the container waits for once the image has come, where it cannot run here.
    """

    folder: Path
    says: str
    mended: str
    reason: str = ""
    reasons: Mapping[str, str] = field(default_factory=dict)
    state: str = ""
    wait: Mapping[str, str] = field(default_factory=dict)
    flags: tuple[str, ...] = ()
    becomes: str = ""

    @property
    def name(self) -> str:
        return self.folder.name

    @property
    def states(self) -> tuple[str, ...]:
        return (self.state,) if self.state else REFUSED

    @property
    def elsewhere(self) -> list[Path]:
        """What goes to another namespace."""
        return sorted((self.folder / "other-namespace").glob("*.yaml"))

    @property
    def steps(self) -> list[Path]:
        """What goes to the namespace itself, in this order."""
        found = (*self.folder.glob("*.yaml"), *self.folder.glob("*.sh"))
        return sorted(each for each in found if each.name != "expected.yaml")


def read() -> list[Cause]:
    """All causes, by name."""
    causes = []
    for path in sorted(FOLDER.glob("*/expected.yaml")):
        expected = yaml.safe_load(path.read_text())
        expected["flags"] = tuple(expected.get("flags", ()))
        causes.append(Cause(path.parent, **expected))
    return causes


@contextmanager
def variables(cluster: Cluster) -> Iterator[dict[str, str]]:
    """The variables that the manifests name; within the block what they lead to is there."""
    htpasswd, token = cluster.registries["htpasswd"], cluster.registries["token"]
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        trusted, ca_file = stack.enter_context(trusted_here(htpasswd, folder / "trusted"))
        foreign = push_platforms(htpasswd, "team/foreign:1", ["s390x"], folder / "foreign")
        ended = int(time.time()) - 3600
        yield cluster.environment() | {
            "EXPIRED_ECR_TOKEN": _encoded({"version": "2", "expiration": ended}),
            "EXPIRED_JWT": f"{_encoded({'alg': 'none'})}.{_encoded({'exp': ended})}.c2ln",
            "FOREIGN_IMAGE": foreign,
            "OUTSIDER_PASSWORD": token.accounts()[OUTSIDER],
            "THROTTLING_REGISTRY": stack.enter_context(throttling()),
            "TRUSTED_HERE_CA_FILE": str(ca_file),
            "TRUSTED_HERE_REGISTRY": trusted,
            "UNPULLED_IMAGE": htpasswd.push(f"team/unpulled:{secrets.token_hex(4)}"),
            "WRONG_PASSWORD": secrets.token_urlsafe(18),
        }


def _encoded(claims: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")


def main() -> None:
    cluster = Cluster.open(os.environ.get("REGCRED_CLUSTER", "default"))
    with variables(cluster) as known:
        for name, value in known.items():
            sys.stdout.write(f"export {name}={shlex.quote(value)}\n")
        sys.stdout.flush()
        threading.Event().wait()


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)
