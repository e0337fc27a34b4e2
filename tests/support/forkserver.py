"""Programs of ours without the start of Python: ``python -m tests.support.forkserver FD``.

It has imported all that regcred may, and forks a process for each program that it is asked for.
Through the socket FD come a socket to tell of it, and the program's stdin, stdout and stderr. It
ends when nobody holds the other end.
"""

from __future__ import annotations

import gc
import json
import os
import pkgutil
import runpy
import signal
import socket
import sys
from importlib import import_module
from typing import NoReturn

import regcred

#: What the verbs import where they need it.
_OTHERS = ("asyncio", "aiohttp", "yaml", "rich.console", "rich.progress", "cryptography.x509")


def main() -> None:
    for found in pkgutil.walk_packages(regcred.__path__, "regcred."):
        if not found.name.endswith("__main__"):
            import_module(found.name)
    for name in _OTHERS:
        import_module(name)
    gc.collect()
    gc.freeze()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # its children are never waited for
    requests = socket.socket(fileno=int(sys.argv[1]))
    while True:
        message, fds, _, _ = socket.recv_fds(requests, 1, 4)
        if not message:
            return
        if os.fork() == 0:
            requests.close()
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            request = _start(fds)
            break
        for fd in fds:
            os.close(fd)
    # What the stack holds here is what it holds in `python -m`, so that it ends as there.
    sys.argv = ["", *request["args"]]
    sys.modules.pop(request["module"], None)  # it is to run, imported or not
    runpy.run_module(request["module"], run_name="__main__", alter_sys=True)


def _start(fds: list[int]) -> dict[str, str | list[str]]:
    """Fork the program's process, in which this returns; stay to tell how it ends."""
    asked = socket.socket(fileno=fds[0])
    with asked.makefile() as lines:
        request = json.loads(lines.readline())
    if pid := os.fork():
        _tell(asked, pid, fds)
    asked.close()
    for number, fd in enumerate(fds[1:]):
        os.dup2(fd, number)
        os.close(fd)
    os.environ.clear()
    os.environ.update(request["env"])
    os.chdir(request["cwd"])
    return request


def _tell(asked: socket.socket, pid: int, fds: list[int]) -> NoReturn:
    for fd in (0, 1, 2, *fds[1:]):
        os.close(fd)
    asked.sendall(b"%d\n" % pid)
    _, status = os.waitpid(pid, 0)
    asked.sendall(b"%d\n" % os.waitstatus_to_exitcode(status))
    os._exit(0)


if __name__ == "__main__":
    main()
