"""docs/reference/pullcredential.md: every field of the custom resource, as its CRD has it."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import yaml

from cluster.paths import CHECKOUT
from tools.regions import escaped, filled, table

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

PAGE = CHECKOUT / "docs" / "reference" / "pullcredential.md"
CRD = CHECKOUT / "charts" / "regcred" / "files" / "pullcredentials.regcred.dev.yaml"

#: Objects that have a section of their own; each kind of source has one, too, behind the second.
_SECTIONS = ("spec", "spec.source", "spec.namespaces", "spec.serviceAccounts", "status")
#: Names of the least and of the most, and of what.
_BOUNDS = (
    ("minLength", "maxLength", " characters"),
    ("minItems", "maxItems", ""),
    ("minProperties", "maxProperties", ""),
    ("minimum", "maximum", ""),
)


def page() -> str:
    """The page as it should be."""
    crd = yaml.safe_load(CRD.read_text())
    (version,) = crd["spec"]["versions"]
    schema = version["schema"]["openAPIV3Schema"]
    text = filled(PAGE.read_text(), "fields", "\n\n".join(_sections(schema)))
    text = filled(text, "rules", _rules(schema))
    return filled(text, "columns", _columns(version["additionalPrinterColumns"]))


def _columns(columns: list[Mapping[str, Any]]) -> str:
    rows = [
        (
            each["name"],
            f"`{each['jsonPath']}`",
            "with `-o wide`" if "priority" in each else "always",
        )
        for each in columns
    ]
    return table(("column", "shows", "when"), rows)


def _sections(schema: Mapping[str, Any]) -> Iterator[str]:
    kinds = [f"spec.source.{kind}" for kind in _at(schema, "spec.source")["properties"]]
    names = [*_SECTIONS[:2], *kinds, *_SECTIONS[2:]]
    for name in names:
        node = _at(schema, name)
        rows = _rows(node, name, "", {*names} - {name})
        said = escaped(node.get("description", ""))
        yield f"### {name}\n\n{said}\n\n{table(('field', 'type', 'means'), rows)}"


def _rows(
    node: Mapping[str, Any], path: str, below: str, apart: set[str]
) -> Iterator[tuple[str, str, str]]:
    """The fields of an object, and of those in it that have no section of their own."""
    for name, each in node.get("properties", {}).items():
        whole, shown = f"{path}.{name}", f"{below}{name}"
        label = f"`{shown}`"
        if whole in apart:
            label = f"[{label}](#{whole.replace('.', '').lower()})"
        required = ", required" if name in node.get("required", ()) else ""
        yield label, _type(each) + required, _meaning(each)
        if whole not in apart:
            marker = "[]" if "items" in each else ""
            yield from _rows(each.get("items", each), whole, f"{shown}{marker}.", apart)


def _type(node: Mapping[str, Any]) -> str:
    if "enum" in node:
        return "one of " + ", ".join(f"`{each}`" for each in node["enum"])
    several, inner = "", node
    if node["type"] == "array":
        several, inner = "list of", node["items"]
    elif "additionalProperties" in node:
        several, inner = "map to", node["additionalProperties"]
    if not several:
        return ", ".join([node.get("format") or node["type"], *_bounds(node)])
    said = [f"{several} {inner['type']}s", *_bounds(node), *(f"each {b}" for b in _bounds(inner))]
    return ", ".join([*said, *(["no two alike"] if _is_set(node) else [])])


def _is_set(node: Mapping[str, Any]) -> bool:
    return node.get("x-kubernetes-list-type") == "set"


def _bounds(node: Mapping[str, Any]) -> list[str]:
    found = []
    for least, most, unit in _BOUNDS:
        if least in node and most in node:
            found.append(f"{node[least]} to {node[most]}{unit}")
        elif least in node:
            found.append(f"{node[least]} or more{unit}")
        elif most in node:
            found.append(f"up to {node[most]}{unit}")
    return found


def _meaning(node: Mapping[str, Any]) -> str:
    said = escaped(node.get("description", ""))
    default = node.get("default")
    return f"{said} Default: `{json.dumps(default)}`." if default else said


def _rules(schema: Mapping[str, Any]) -> str:
    """What the API server refuses: each rule once, with the fields that it holds for."""
    found: dict[tuple[str, str], list[str]] = {}
    for path, rule in _all_rules(_at(schema, "spec"), "spec"):
        expression = " ".join(rule["rule"].split())
        found.setdefault((expression, _message(rule)), []).append(path)
    return "\n".join(
        f"- {_where(paths)}: {message}\n\n    ```text\n    {expression}\n    ```\n"
        for (expression, message), paths in found.items()
    )


def _all_rules(node: Mapping[str, Any], path: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for rule in node.get("x-kubernetes-validations", ()):
        yield path, rule
    for name, each in node.get("properties", {}).items():
        yield from _all_rules(each, f"{path}.{name}")
    if "items" in node:
        yield from _all_rules(node["items"], f"{path}[]")


def _where(paths: list[str]) -> str:
    """The fields; a rule of several sources is told once."""
    short = [re.sub(r"^spec\.source\.\w+\.", "spec.source.*.", path) for path in paths]
    told = dict.fromkeys(s if short.count(s) > 1 else p for p, s in zip(paths, short, strict=True))
    return ", ".join(f"`{path}`" for path in told)


def _message(rule: Mapping[str, Any]) -> str:
    """What a person is told; of a message that is put together, … for what differs."""
    if "message" in rule:
        return escaped(rule["message"])
    parts = re.split(
        r"'((?:[^'\\]|\\.)*)'(?=\s*(?:\+|$))", " ".join(rule["messageExpression"].split())
    )
    words = "".join(
        part.replace("\\'", "'") if number % 2 else "…" if part.strip(" +") else ""
        for number, part in enumerate(parts)
    )
    return escaped(words)


def _at(schema: Mapping[str, Any], path: str) -> Mapping[str, Any]:
    for step in path.split("."):
        schema = schema["properties"][step]
    return schema
