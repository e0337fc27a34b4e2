"""Every place in the code that makes an error for a person, found by its syntax.

A place is a call of a class of the exception tree (`regcred.core.errors`, and the classes that
other modules derive from it): whether it is raised there or handed on. `errors.api_error` makes
those of the API server, and its callers stand for it.
"""

from __future__ import annotations

import ast
import importlib
import pkgutil
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import regcred
from regcred.core.errors import MintFailed, RegcredError
from regcred.core.setting import setting

if TYPE_CHECKING:
    from collections.abc import Iterator

SOURCE = Path(regcred.__file__).parent


@dataclass(frozen=True)
class Place:
    """One call.

    Args:
        path: of the file, below ``src/regcred``.
        line: in it.
        function: the innermost function around it; empty for none.
        kind: the class.
        message: what is given for the message; None for nothing.
        hint: likewise.
        hints: the texts that it may come to, of a variable all that it is set to in the function.
    """

    path: str
    line: int
    function: str
    kind: type[RegcredError]
    message: ast.expr | None
    hint: ast.expr | None
    hints: tuple[str, ...]

    @property
    def name(self) -> str:
        """What lists of exceptions call it: lines move."""
        return f"{self.path.removesuffix('.py')}:{self.function}"

    def __str__(self) -> str:
        said = texts(self.message)[0] if self.message and texts(self.message) else ""
        return f"{self.path}:{self.line} {self.function}: {self.kind.__name__}({said!r})"


def tree() -> list[type[RegcredError]]:
    """All classes of the tree, wherever they are defined."""
    for found in pkgutil.walk_packages(regcred.__path__, "regcred."):
        if not found.name.endswith("__main__"):
            importlib.import_module(found.name)
    kinds = [RegcredError]
    for kind in kinds:  # grows as it goes
        kinds += [each for each in kind.__subclasses__() if each not in kinds]
    return [kind for kind in kinds if kind.__module__.startswith("regcred")]


@cache
def places() -> tuple[Place, ...]:
    """All of them, by file and line."""
    by_name = {kind.__name__: kind for kind in tree()}
    return tuple(place for path in sorted(SOURCE.rglob("*.py")) for place in _in(path, by_name))


def _in(path: Path, by_name: dict[str, type[RegcredError]]) -> Iterator[Place]:
    module = ast.parse(path.read_text())
    dotted = ".".join(("regcred", *path.relative_to(SOURCE).with_suffix("").parts))
    names = vars(importlib.import_module(dotted.removesuffix(".__init__")))
    functions: dict[ast.AST, str] = {}
    assigned: dict[tuple[str, str], list[str]] = {}
    for node in ast.walk(module):  # outer ones first, so that the innermost stays
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            outer = functions.get(node, "")
            name = f"{outer}.{node.name}" if outer else node.name
            for inner in ast.walk(node):
                functions[inner] = name
    for node in ast.walk(module):
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            key = functions.get(node, ""), node.targets[0].id
            assigned.setdefault(key, []).extend(texts(node.value))
    for node in ast.walk(module):
        if not isinstance(node, ast.Call):
            continue
        called = node.func
        name = called.id if isinstance(called, ast.Name) else ""
        name = called.attr if isinstance(called, ast.Attribute) else name
        # A module may have a class of its own of the same name; what a function imports is ours.
        kind = names.get(name, by_name.get(name))
        if not isinstance(kind, type) or not issubclass(kind, RegcredError):
            continue
        at = 1 if issubclass(kind, MintFailed) else 0
        named = {each.arg: each.value for each in node.keywords}
        message = node.args[at] if len(node.args) > at else named.get("message")
        hint = named.get("hint")
        said = texts(hint)
        if isinstance(hint, ast.Name):
            said = assigned.get((functions.get(node, ""), hint.id), [])
        yield Place(
            str(path.relative_to(SOURCE)),
            node.lineno,
            functions.get(node, ""),
            kind,
            message,
            hint,
            tuple(said),
        )


def texts(node: ast.AST | None) -> list[str]:
    """The texts that an expression may come to, a word in capitals for each part not known.

    Both sides of ``a if b else c`` and of ``a or b`` count.
    """
    match node:
        case ast.Constant(value=str(value)):
            return [value]
        case ast.JoinedStr(values=values):
            found = [""]
            for part in values:
                inner = part.value if isinstance(part, ast.FormattedValue) else part
                more = texts(inner) or ["X"]
                found = [before + after for before in found for after in more][:16]
            return found
        case ast.IfExp(body=body, orelse=other):
            return texts(body) + texts(other)
        case ast.Call(func=ast.Name(id="setting"), args=[ast.Constant(value=str(name))]):
            return [setting(name)]
        case ast.BoolOp(values=values):
            return [text for value in values for text in texts(value)]
        case ast.BinOp(op=ast.Add(), left=left, right=right):
            ends = texts(right) or ["X"]
            return [before + after for before in (texts(left) or ["X"]) for after in ends]
        case _:
            return []


def hints() -> Iterator[tuple[str, ast.expr]]:
    """All expressions that become hints, of errors or other things, each with its place.

    That is what is given as ``hint=``, to ``tell_hint``, as the second of ``output.error`` and of
    a minter's ``refuse`` and ``lacking``, and what is called a hint or returned by what is.
    """
    for path in sorted(SOURCE.rglob("*.py")):
        where = str(path.relative_to(SOURCE))
        for node in ast.walk(ast.parse(path.read_text())):
            for found in _hints_of(node):
                yield f"{where}:{found.lineno}", found


def _hints_of(node: ast.AST) -> Iterator[ast.expr]:
    match node:
        case ast.Call(func=called, args=args, keywords=named):
            yield from (each.value for each in named if each.arg == "hint")
            name = called.attr if isinstance(called, ast.Attribute) else ""
            if isinstance(called, ast.Name) and called.id in ("lacking", "refuse"):
                yield from args[1:2]
            if name == "tell_hint":
                yield from args[:1]
            if name == "error" and len(args) == 2:
                yield args[1]
        case ast.Assign(targets=[ast.Name(id=name)], value=value) if "hint" in name.lower():
            yield value
        case ast.FunctionDef(name=name, body=body) if "hint" in name.lower():
            for inner in body:
                for each in ast.walk(inner):
                    if isinstance(each, ast.Return) and each.value is not None:
                        yield each.value


#: Where a command in a sentence ends: at a mark, a pipe, another clause.
_ENDS = re.compile(r"[;|(),]|: | or | and |&&|$")
_PROGRAM = re.compile(r"(?<![\w=./-])(regcred|kubectl) ")
_FLAG = re.compile(r"-[a-zA-Z]|--[a-z][a-z-]*(=\S*)?")
_VALUE = re.compile(r"\S*[A-Z…\"$/'{.=]\S*")  # names in capitals, paths, labels


def commands(text: str) -> Iterator[tuple[str, list[str]]]:
    """The commands of ours and of kubectl's that a hint names: program and words.

    A command ends where prose begins: at the first word that is neither a flag nor its value, a
    verb or a kind, nor a name that stands for something.
    """
    for found in _PROGRAM.finditer(text):
        rest = text[found.end() :]
        ends = _ENDS.search(rest)
        words = rest[: ends.start() if ends else None].split()
        taken: list[str] = []
        for at, word in enumerate(words):
            after_flag = bool(taken) and _FLAG.fullmatch(taken[-1]) and "=" not in taken[-1]
            is_command = at == 0 or (found[1] == "kubectl" and at <= 2)
            if not (is_command or after_flag or _FLAG.fullmatch(word) or _VALUE.fullmatch(word)):
                break
            taken.append(word.rstrip(":?"))
        yield found[1], taken
