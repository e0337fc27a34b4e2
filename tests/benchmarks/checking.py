"""Will 100 images pull? Against ``skopeo inspect --raw``, one image after the other."""

from __future__ import annotations

import json
import subprocess
import tempfile
from base64 import b64encode
from pathlib import Path
from typing import TYPE_CHECKING

from cluster import Cluster
from cluster.progress import Progress
from tests.benchmarks.installation import environment
from tests.benchmarks.rounds import Figure, in_turns, seconds

if TYPE_CHECKING:
    from cluster.registries import Registry
    from tests.benchmarks.installation import Installation

ROUNDS = 7
IMAGES = 100


def check(installation: Installation, rounds: int) -> Figure:
    """``regcred check``: a hundred repositories of one registry with a token service."""
    with (
        Cluster(registries=True, progress=Progress()) as cluster,
        tempfile.TemporaryDirectory() as folder,
    ):
        bench = _Bench(cluster.registries["token"], installation, Path(folder))
        measured = in_turns(bench.ours, bench.skopeo, rounds)
    return Figure(f"check {IMAGES} images", "skopeo inspect, a loop", *measured, goal=0.25)


class _Bench:
    """One registry, its images, and who looks at them."""

    def __init__(self, registry: Registry, installation: Installation, folder: Path) -> None:
        self._installation = installation
        self._images = [registry.push(f"bench/app-{number:03}:1") for number in range(IMAGES)]
        self._login = folder / "auth.json"
        auth = b64encode(f"{registry.username}:{registry.password}".encode()).decode()
        self._login.write_text(json.dumps({"auths": {registry.address: {"auth": auth}}}))

    def ours(self) -> float:
        """Seconds that regcred takes, start-up and all."""
        command = [self._installation.regcred, "check", "--docker-config", self._login]

        def check() -> None:
            answer = subprocess.run(
                [*command, *self._images], env=environment(), capture_output=True, check=True
            )
            assert answer.stdout.count(b"ok ") == IMAGES, answer.stdout

        return seconds(check)

    def skopeo(self) -> float:
        """Seconds that the loop takes."""
        command = ["skopeo", "inspect", "--raw", "--tls-verify=false", "--authfile", self._login]

        def loop() -> None:
            for image in self._images:
                subprocess.run(
                    [*command, f"docker://{image}"],
                    env=environment(),
                    capture_output=True,
                    check=True,
                )

        return seconds(loop)
