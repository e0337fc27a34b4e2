"""A loop whose time passes at once, for code that waits by the clock of its loop alone."""

import asyncio
import functools


class Loop(asyncio.SelectorEventLoop):
    """Whenever there is nothing to do, it is later at once."""

    def __init__(self):
        super().__init__()
        self.seconds = 0.0
        self._selector.select = lambda timeout=None, select=self._selector.select: (
            self._skip(timeout) or select(0)
        )

    def _skip(self, timeout):
        assert timeout is not None, "it would sleep for ever"
        self.seconds += timeout

    def time(self):
        return self.seconds


def in_no_time(test):
    """Run an async test on such a loop."""

    @functools.wraps(test)
    def run(*args, **fixtures):
        with asyncio.Runner(loop_factory=Loop) as runner:
            runner.run(test(*args, **fixtures))

    return run


async def settle():
    """All that can happen now has happened."""
    for _ in range(20):
        await asyncio.sleep(0)
