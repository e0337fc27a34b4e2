"""What the pages say of the operator: its flags, its object, its reasons, its marks."""

import inspect
import re
from pathlib import Path

import click

from cluster.paths import CHECKOUT
from regcred.cli.operator import operator
from regcred.core import marks
from regcred.core.operator import nsfailure, pcstatus, plan, rescuestatus
from regcred.core.operator.merging import CONFLICT, TOO_LARGE
from regcred.core.operator.plan import SECRET_NOT_OURS
from regcred.core.operator.pullcredential import FINALIZER
from regcred.core.operator.source import SourceReason
from regcred.operator import reconciler

REFERENCE = CHECKOUT / "docs" / "reference"
OPERATOR_CODE = CHECKOUT / "src" / "regcred" / "operator"
CRD = CHECKOUT / "charts" / "regcred" / "files" / "pullcredentials.regcred.dev.yaml"
REASONS = REFERENCE / "reasons.md"


def rows(page, name):
    """The cells of a table, less its head."""
    part = page.read_text().partition(f"<!-- {name}:begin -->")[2].partition("<!-- ")[0]
    lines = re.findall(r"^\|(.*)\|$", part, re.MULTILINE)
    found = [[cell.strip() for cell in line.split("|")] for line in lines]
    return [cells for cells in found if "`" in cells[0] or "`" in cells[1]]


def words(cell):
    return re.findall(r"`([^`]+)`", cell)


def reasons(module, pattern):
    found = set(re.findall(pattern, inspect.getsource(module)))
    assert found
    return found


def test_every_reason_of_a_condition_is_in_its_table():
    documented = {
        kind: {(status, reason) for status, cell, *_ in part for reason in words(cell)}
        for kind, part in _conditions().items()
    }
    ready = reasons(pcstatus, r'    return "(True|False|Unknown)", "(\w+)"')
    minted = {("True", "Minted"), ("Unknown", "Pending"), ("Unknown", "InvalidSpec")}
    assert minted <= ready
    ready = (ready - minted) | {("False", each) for each in (CONFLICT, TOO_LARGE, "Minted")}
    assert documented["Ready"] == ready
    rescued = reasons(rescuestatus, r'  return "(True|False|Unknown)", "(\w+)"')
    assert {(s, r) for both, r in documented["Rescued"] for s in both.split(", ")} == rescued
    assert documented["Minted"] == minted | {("False", each.value) for each in SourceReason}


def _conditions():
    """Condition → the rows of its table."""
    found, kind = {}, ""
    for cells in rows(REASONS, "conditions"):
        if cells[1] == "reason":
            (kind,) = words(cells[0])
        else:
            found.setdefault(kind, []).append(cells)
    return found


def test_every_reason_of_a_failure_is_in_its_table():
    documented = {reason for cells in rows(REASONS, "failures") for reason in words(cells[0])}
    written = reasons(nsfailure, r'return "(\w+)"')
    written |= {reason for _, reason in nsfailure._WORDS} | {SECRET_NOT_OURS}
    written |= reasons(reconciler, r'Failure\(namespace, "(\w+)"')
    assert documented == written


def test_every_reason_of_a_log_line_is_in_its_table():
    documented = {reason for cells in rows(REASONS, "logs") for reason in words(cells[0])}
    files = (*OPERATOR_CODE.glob("*.py"), Path(inspect.getsourcefile(operator.callback)))
    source = "".join(path.read_text() for path in files)
    said = set(re.findall(r'say\(\s*"\w+",\s*"(\w+)"', source))
    said |= set(re.findall(r'Seldom\("(\w+)"\)', source))
    said |= set(re.findall(r'_line\("\w+", "(\w+)"', source)) | {"Library"}
    said |= reasons(plan, r'"(Secret[A-Z]\w+)"') - {SECRET_NOT_OURS} | {"Attached", "Detached"}
    assert {each for each in documented if each[0].isupper()} == said | {"Minted"}


def test_every_mark_is_in_the_reference():
    text = (REFERENCE / "configuration.md").read_text().partition("\n## Marks\n")[2]
    ours = {v for k, v in vars(marks).items() if k.isupper() and str(v).startswith("regcred.dev/")}
    assert len(ours) == 9
    assert set(re.findall(r"`(regcred\.dev/[\w-]+)", text)) == ours | {FINALIZER}


def test_every_flag_is_in_the_reference_with_its_default():
    documented = {
        tuple(words(flags)): default
        for flags, default, _ in rows(REFERENCE / "operator.md", "flags")
    }
    shared = documented.pop(("--kubeconfig", "--context"))
    assert shared
    defaults = {}
    for each in operator.params:
        if each.name not in ("kubeconfig", "context"):
            flags = *each.opts, *each.secondary_opts
            defaults[flags] = each.get_default(click.Context(operator))
    assert documented.keys() == defaults.keys()
    for flags, default in defaults.items():
        told = words(documented[flags])
        if isinstance(default, bool):
            assert documented[flags] == ("on" if default else "off"), flags
        else:
            assert told == [str(default)] if default else told, flags


def test_every_variable_that_is_read_is_in_the_reference():
    """Those of flags are in the page on the command line, which is made from them."""
    read = set()
    for path in (CHECKOUT / "src" / "regcred").rglob("*.py"):
        source = path.read_text()
        read |= {*re.findall(r'\benv(?:iron)?(?:\.get\(|\[)"([A-Z_]+)"', source)}
        read |= {*re.findall(r'"([A-Z_]{4,})" (?:not )?in (?:os\.)?env(?:iron)?\b', source)}
    assert {"KUBECONFIG", "REGCRED_DEBUG", "KUBERNETES_SERVICE_HOST"} <= read
    table = rows(REFERENCE / "configuration.md", "variables")
    documented = {name for cells in table for name in words(cells[0])}
    assert read - {"HOME", "PATH"} <= documented
    everything = "".join(p.read_text() for p in (CHECKOUT / "src" / "regcred").rglob("*.py"))
    # SSL_CERT_*: OpenSSL's own.
    for name in documented - {"AWS_*", "SSL_CERT_FILE", "SSL_CERT_DIR"}:
        assert f'"{name}"' in everything, name
