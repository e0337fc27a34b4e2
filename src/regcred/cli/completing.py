"""What may stand at the cursor: what shells ask for at each TAB.

``regcred __complete SHELL WORD… LAST`` prints a line for each value (and behind a tab what it
means), then ``:`` and a number. That is the protocol of cobra and so of kubectl, which runs
``kubectl_complete-regcred WORD… LAST`` for a plugin:
https://github.com/kubernetes/kubectl/blob/master/pkg/cmd/plugin/plugin_completion.go

Nothing else reaches the terminal, whatever happens: it stands in the middle of somebody's typing.
"""

from __future__ import annotations

import contextlib
import os
import shlex
import sys
from typing import TYPE_CHECKING, Any, NoReturn

from click.shell_completion import CompletionItem, ShellComplete

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import click

#: Bits of the number: https://pkg.go.dev/github.com/spf13/cobra#ShellCompDirective
_NO_SPACE, _NO_FILES, _ONLY_FOLDERS = 2, 4, 16
#: How long a cluster may take, in seconds, and the variable that says otherwise.
_PATIENCE_SECONDS, _PATIENCE_VARIABLE = 2.0, "REGCRED_COMPLETE_SECONDS"
#: What is followed by more of the same word.
_GOES_ON = ("=", "/", ",")
#: kubectl's words for what makes Pods, for ``why``.
_KINDS = ("deploy", "sts", "ds", "job", "cronjob", "rs", "rc", "pod")


def answer(shell: str, words: Sequence[str]) -> str:
    """What is printed for the `words` behind the program's name, the last of them unfinished."""
    if shell == "bash":  # which tells them as they are typed
        words = [_unquoted(word) for word in words]
    *args, incomplete = words or [""]
    items: list[CompletionItem[Any]] = []
    with contextlib.suppress(Exception):
        from regcred.cli.main import cli

        items = ShellComplete(cli, {}, "regcred", "").get_completions(args, incomplete)
    files = {item.type for item in items} & {"file", "dir"}
    if files:
        return f":{0 if 'file' in files else _ONLY_FOLDERS}\n"
    lines = [f"{item.value}\t{item.help}" if item.help else str(item.value) for item in items]
    # A name comes from others: one that would be two lines, or another key, is none.
    lines = [line for line in lines if line.replace("\t", " ", 1).isprintable()]
    goes_on = any(str(item.value).endswith(_GOES_ON) for item in items)
    return "".join(f"{line}\n" for line in [*lines, f":{_NO_FILES | _NO_SPACE * goes_on}"])


def run(shell: str, words: Sequence[str]) -> int:
    """Print `answer`, and nothing else; the exit code.

    What `LiveNames` has given up may go on, in a thread: end by ``os._exit``.
    """
    told = os.dup(1)
    nothing = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):  # of credential plugins as well
        os.dup2(nothing, stream)
    try:
        said = answer(shell, words)
    except KeyboardInterrupt:
        return 130
    with contextlib.suppress(OSError):
        os.write(told, said.encode("utf-8", "surrogateescape"))
    return 0


def kubectl() -> NoReturn:
    """``kubectl_complete-regcred``."""
    os._exit(run("kubectl", sys.argv[1:]))


def patience() -> float:
    """How long to wait for a cluster, in seconds."""
    with contextlib.suppress(ValueError):
        given = float(os.environ.get(_PATIENCE_VARIABLE, ""))
        return min(max(0.1, given), 600.0)  # NaN is the least
    return _PATIENCE_SECONDS


def _unquoted(word: str) -> str:
    """`word` without its quotes; the last one may have an open one."""
    for closed in (word, f'{word}"', f"{word}'"):
        with contextlib.suppress(ValueError):
            return "".join(shlex.split(closed))
    return word


def values(
    ctx: click.Context, parameter: click.Parameter, incomplete: str
) -> list[CompletionItem[Any]]:
    """What a flag or an argument of ours may be, by what it `completes`."""
    kind = getattr(parameter, "completes", "")
    if kind in ("file", "dir"):
        return [CompletionItem(incomplete, type=kind)]
    if kind in ("setting", "secret-key"):
        return _of_source(kind, ctx.params.get("source"), incomplete)
    if kind == "target":
        return _targets(ctx, incomplete)
    if not kind:
        return []
    # Commas join several names, but a ServiceAccount of check and an argument are one.
    several = getattr(parameter, "multiple", False)
    before, comma, last = incomplete.rpartition(",") if several else ("", "", incomplete)
    given = {*before.split(","), *_given(ctx, parameter)}
    found = [name for name in _names(ctx, kind) if name.startswith(last) and name not in given]
    return [CompletionItem(f"{before}{comma}{name}") for name in found]


def _given(ctx: click.Context, parameter: click.Parameter) -> Iterable[str]:
    value = ctx.params.get(parameter.name or "")
    return value if isinstance(value, (tuple, list)) else ()


def _names(ctx: click.Context, kind: str) -> list[str]:
    from regcred.cli import livenames

    return livenames.LiveNames(ctx.params, patience()).of(kind)


def _targets(ctx: click.Context, incomplete: str) -> list[CompletionItem[Any]]:
    """Pods, and workloads behind their kind: ``deploy/web``."""
    kind, slash, name = incomplete.partition("/")
    if slash:
        names = [f"{kind}/{each}" for each in _names(ctx, kind) if each.startswith(name)]
        return [CompletionItem(each) for each in names]
    pods = [CompletionItem(each) for each in _names(ctx, "pod") if each.startswith(kind)]
    return pods + [CompletionItem(f"{each}/") for each in _KINDS if each.startswith(kind)]


def _of_source(kind: str, source: str | None, incomplete: str) -> list[CompletionItem[Any]]:
    """Keys of ``--set`` and ``--secret-file``, of what ``--from`` names."""
    key, equals, path = incomplete.partition("=")
    if equals:
        return [CompletionItem(path, type="file")] if kind == "secret-key" else []
    if source is None:
        return []
    if kind == "setting":
        from regcred.cli.sourceflags import SETTINGS as KEYS
    else:
        from regcred.core.operator.sourcekinds import SECRET_KEYS as KEYS
    return [CompletionItem(f"{each}=") for each in KEYS.get(source, ()) if each.startswith(key)]
