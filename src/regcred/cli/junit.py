"""Verdicts as JUnit's XML: a test case for each image of each Pod template."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from xml.sax.saxutils import escape, quoteattr

from regcred.cli import output
from regcred.cli.checked import used_by
from regcred.core.diagnosis.verdict import Outcome

if TYPE_CHECKING:
    from collections.abc import Iterator

    from regcred.cli.checked import Result
    from regcred.cli.checking import Checked

#: What XML 1.0 has no way to write, and what a terminal might obey that shows the file.
_IMPOSSIBLE = re.compile("[^\t\n\r\u0020-\u007e\u00a0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def junit(result: Result) -> str:
    """The document."""
    counts = result.count()
    errors = counts["unknown"] + len(result.unread)
    numbers = {
        "tests": len(result.checked) + len(result.unread),
        "failures": counts["fail"],
        "errors": errors,
        "skipped": counts["skipped"],
    }
    attributes = "".join(f' {name}="{number}"' for name, number in numbers.items())
    lines = ['<?xml version="1.0" encoding="UTF-8"?>', f"<testsuites{attributes}>"]
    lines.append(f'  <testsuite name="regcred check"{attributes}>')
    for checked in result.checked:
        lines += _case(checked)
    for problem in result.unread:
        lines.append(f"    <testcase classname={_attribute(problem.source)} name='read'>")
        lines.append(f"      {_element('error', problem.reason, problem.message, problem.hint)}")
        lines.append("    </testcase>")
    return "\n".join([*lines, "  </testsuite>", "</testsuites>", ""])


def _case(checked: Checked) -> Iterator[str]:
    verdict, container, template = checked.verdict, checked.container, checked.template
    attributes = f"classname={_attribute(used_by(checked) or 'images')}"
    name = f"{container.name}: {container.image}" if container.name else container.image
    attributes += f" name={_attribute(name)}"
    if template.file:
        attributes += f" file={_attribute(template.file)}"
    if container.line:
        attributes += f' line="{container.line}"'
    yield f"    <testcase {attributes}>"
    match verdict.outcome:
        case Outcome.FAIL:
            yield f"      {_element('failure', verdict.reason, verdict.message, verdict.hint)}"
        case Outcome.UNKNOWN:
            yield f"      {_element('error', verdict.reason, verdict.message, verdict.hint)}"
        case Outcome.SKIPPED:
            yield f"      <skipped message={_attribute(verdict.message)}/>"
    said = [verdict.message] if verdict.outcome is Outcome.OK else []
    said += [f"{warning.reason}: {warning.message}" for warning in verdict.warnings]
    if said:
        yield f"      <system-out>{escape(_possible(chr(10).join(said)))}</system-out>"
    yield "    </testcase>"


def _element(name: str, reason: str, message: str, hint: str) -> str:
    text = f"{message}\nhint: {output.typed(hint)}" if hint else message
    return (
        f"<{name} type={_attribute(reason)} message={_attribute(message)}>"
        f"{escape(_possible(text))}</{name}>"
    )


def _attribute(text: str) -> str:
    return quoteattr(_possible(text))


def _possible(text: str) -> str:
    return _IMPOSSIBLE.sub("\ufffd", text)
