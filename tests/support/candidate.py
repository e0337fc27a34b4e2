"""A process that campaigns for a Lease and, while it leads, writes one object all the time.

Usage: ``python -m tests.support.candidate KUBECONFIG NAMESPACE IDENTITY``. It says ``leads`` and
``stopped`` on stdout, and gives the lease up on SIGTERM.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sys

from regcred.core.operator.leaderelection import Timing
from regcred.kube.client import Client
from regcred.kube.config import load
from regcred.kube.lease import Lease
from regcred.kube.resources import SECRETS

LEASE = "leader"
#: The Secret whose annotation ``writer`` is written.
TARGET = "written"
TIMING = Timing(lease=2, deadline=1.0, renew=0.3, retry=0.2)


def say(word: str) -> None:
    sys.stdout.write(f"{word}\n")
    sys.stdout.flush()


async def main(kubeconfig: str, namespace: str, identity: str) -> None:
    config = load(kubeconfig=kubeconfig, env={})
    async with Client(config) as client:
        lease = Lease(client, namespace, LEASE, identity=identity, timing=TIMING)
        async with Client(config, fence=lease.check) as writer:

            async def lead() -> None:
                say("leads")
                n = 0
                try:
                    while True:
                        n += 1
                        said = {"writer": identity, "n": str(n)}
                        patch = {"metadata": {"annotations": said}}
                        await writer.merge_patch(SECRETS, TARGET, namespace, patch)
                finally:
                    say("stopped")

            task = asyncio.ensure_future(lease.run(lead))
            asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
            with contextlib.suppress(asyncio.CancelledError):
                await task


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
