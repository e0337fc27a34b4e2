"""``python -m cluster.demo``: see the package."""

from __future__ import annotations

import argparse
import os
import signal
import sys
import time
from typing import TYPE_CHECKING

from cluster.demo import place, story
from cluster.demo.ours import ours
from cluster.demo.shell import say
from cluster.demo.yours import yours
from cluster.errors import ClusterError
from cluster.progress import Progress

if TYPE_CHECKING:
    from types import FrameType


def main(arguments: list[str] | None = None) -> int:
    """Run the demo; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m cluster.demo", description=place.__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--keep", action="store_true", help="leave it up, and say how to use it")
    keep: bool = parser.parse_args(arguments).keep
    signal.signal(signal.SIGINT, _interrupted)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _end)
    try:
        _run(keep=keep)
    except ClusterError as error:
        print("\n".join([f"error: {error}", *getattr(error, "__notes__", ())]), file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("what the demo had made is gone; what was built is kept", file=sys.stderr)
        return 130
    return 0


def _run(*, keep: bool) -> None:
    began = time.monotonic()
    if context := os.environ.get("REGCRED_DEMO_CONTEXT"):
        say(f"An image that needs a login, and the cluster of the context {context}")
        demo = yours(context, keep=keep)
    else:
        say("A private registry on this machine; a cluster follows, as soon as it is built")
        demo = ours(keep=keep, progress=Progress())
    with demo as here:
        story.tell(here, keep=keep)
        if not keep:
            say("\nThe end: what the demo has made is removed")
    for line in here.how_to_use if keep else ():
        say(line)
    say(f"That took {time.monotonic() - began:.0f} s.")


def _interrupted(number: int, frame: FrameType | None) -> None:
    """Leave by an exception; whoever is impatient does not get in the way of what cleans up."""
    del number, frame
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    print("\ninterrupted: cleaning up", file=sys.stderr, flush=True)
    raise KeyboardInterrupt


def _end(number: int, frame: FrameType | None) -> None:
    """Leave by an exception, so that all that is open is closed."""
    del frame
    sys.exit(128 + number)


if __name__ == "__main__":
    sys.exit(main())
