"""What is built, in which version: read from the go.mod files, so that one place names it.

Grammar: https://go.dev/ref/mod#go-mod-file
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from cluster.errors import ClusterError

FOLDER = Path(__file__).resolve().parent / "go"
"""One folder a module."""


@dataclass(frozen=True)
class GoModule:
    """One of the modules below ``cluster/go``.

    Args:
        name: its folder's name, and the prefix of its folder in the cache.
        folder: where its go.mod is.
        version: of the software that it pins, without the leading ``v``.
        go: the least version of Go that builds it, e.g. ``(1, 26, 0)``.
        packages: the main packages that its ``tool`` directive lists.
    """

    name: str
    folder: Path
    version: str
    go: tuple[int, ...]
    packages: tuple[str, ...]


def load(name: str, module: str) -> GoModule:
    """Read ``cluster/go/NAME/go.mod``.

    Args:
        name: folder below ``cluster/go``.
        module: the required module whose version counts, e.g. ``k8s.io/kubernetes``.

    Raises:
        ClusterError: the file does not name a version for that module.
    """
    folder = FOLDER / name
    text = (folder / "go.mod").read_text()
    try:
        return GoModule(name, folder, required(text, module), go_version(text), tools(text))
    except LookupError as error:
        raise ClusterError(f"{folder / 'go.mod'}: {error.args[0]}") from None


def required(text: str, module: str) -> str:
    """The version in ``require MODULE vVERSION``, without the ``v``.

    Raises:
        LookupError: the module is not required.
    """
    pattern = rf"^\s*(?:require\s+)?{re.escape(module)}\s+v(\S+)"
    if not (found := re.search(pattern, _without_replace(text), re.M)):
        raise LookupError(f"no version of {module}")
    return found[1]


def go_version(text: str) -> tuple[int, ...]:
    """The ``go`` directive as numbers.

    Raises:
        LookupError: there is none.
    """
    if not (found := re.search(r"^go\s+([0-9.]+)", text, re.M)):
        raise LookupError("no go directive")
    return tuple(int(part) for part in found[1].split("."))


def tools(text: str) -> tuple[str, ...]:
    """The packages of the ``tool`` directives, one by one or in a block."""
    single = re.findall(r"^tool\s+([^\s(]+)", text, re.M)
    blocks = re.findall(r"^tool\s*\((.*?)^\)", text, re.M | re.S)
    return (*single, *(word for block in blocks for word in block.split()))


def _without_replace(text: str) -> str:
    return re.sub(r"^replace\s*\(.*?^\)", "", text, flags=re.M | re.S)
