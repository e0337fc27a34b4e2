"""What docs/sources.md says: objects, commands, the table, the reasons."""

import re
import tomllib

import pytest
import yaml

from cluster.paths import CHECKOUT
from regcred import minters
from regcred.cli.login import login
from regcred.cli.minted import SETTINGS
from regcred.cli.secret import secret
from regcred.core.operator.pullcredential import parse
from regcred.core.operator.source import SourceReason
from regcred.core.operator.sourcekinds import MINTED_KINDS, STATIC_KINDS
from regcred.operator.sources import _MAY_LOCK_OUT, _WAIT_FOR_CHANGE
from tests.support import sourcespage

PAGE = sourcespage.PAGE.read_text()
SECTIONS = sourcespage.read()
EXAMPLES = {
    kind: found
    for path in (CHECKOUT / "docs" / "examples").glob("*.yaml")
    for found in yaml.safe_load_all(path.read_text())
    if found["kind"] == "PullCredential"
    for kind in found["spec"]["source"]
}
COMMANDS = [command for section in SECTIONS.values() for command in section.commands]
CODE = "".join(path.read_text() for path in (CHECKOUT / "src/regcred/minters").glob("*.py"))


def schema():
    path = CHECKOUT / "charts" / "regcred" / "files" / "pullcredentials.regcred.dev.yaml"
    crd = yaml.safe_load(path.read_text())
    return crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]


SPEC = schema()


def unknown(value, schema, path="spec"):
    """Fields that the CRD does not have."""
    if isinstance(value, dict) and "properties" in schema:
        for name, each in value.items():
            if name not in schema["properties"]:
                yield f"{path}.{name}"
            else:
                yield from unknown(each, schema["properties"][name], f"{path}.{name}")
    for each in value if isinstance(value, list) else ():
        yield from unknown(each, schema["items"], f"{path}[]")


def table():
    """Kind → the other cells of the table at the top."""
    lines = re.findall(r"^\| \[`(\w+)`\]\(#([\w-]+)\) \|(.*)\|$", PAGE, re.MULTILINE)
    return {kind: (link, [cell.strip() for cell in rest.split("|")]) for kind, link, rest in lines}


@pytest.mark.parametrize("kind", MINTED_KINDS)
def test_the_object_is_the_example(kind):
    assert SECTIONS[kind].objects[0] == EXAMPLES[kind]


@pytest.mark.parametrize("kind", SECTIONS)
def test_objects_are_understood(kind):
    for found in [*SECTIONS[kind].objects, *([EXAMPLES[kind]] if kind in EXAMPLES else ())]:
        assert parse(found).problem is None
        assert list(unknown(found["spec"], SPEC)) == []


@pytest.mark.parametrize("kind", MINTED_KINDS)
def test_there_is_a_command_for_each(kind):
    sources = [words[words.index("--from") + 1] for words in SECTIONS[kind].commands]
    assert set(sources) == {kind}


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_commands_are_understood(words):
    verb = {"login": login, "secret": secret}[words[0]]
    given = verb.make_context(words[0], words[1:]).params
    assert {each.partition("=")[0] for each in given["settings"]} <= {*SETTINGS[given["source"]]}
    for key in [each.partition("=")[0] for each in given["secret_files"]]:
        assert f'"{key}"' in CODE


def test_the_table_has_every_kind_and_leads_to_its_section():
    rows = table()
    assert [*rows] == [*MINTED_KINDS, *STATIC_KINDS]
    headings = {re.sub(r"[^\w -]", "", name).lower().replace(" ", "-") for name in SECTIONS}
    assert {link for link, _ in rows.values()} <= headings


@pytest.mark.parametrize("kind", MINTED_KINDS)
def test_the_table_says_what_is_so(kind):
    _, (_, _, keyless, taken_back, extra) = table()[kind]
    fields = SPEC["properties"]["source"]["properties"][kind]["properties"]
    assert (keyless == "yes") == ("identity" in fields)
    assert (taken_back == "yes") == (minters.revoker(minters.load(kind)) is not None)
    needed = re.search(r"pip install '(regcred\[\w+\])'", CODE_OF[kind])
    assert extra == (f"`{needed[1]}`" if needed else "")


CODE_OF = {
    kind: "".join(
        (CHECKOUT / "src/regcred/minters" / f"{name}.py").read_text()
        for name in (minters.MODULES[kind], *(["entra"] if kind == "acr" else []))
    )
    for kind in MINTED_KINDS
}


def test_extras_are_those_of_the_package():
    project = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())["project"]
    named = {name for _, cells in table().values() for name in re.findall(r"\[(\w+)\]", cells[4])}
    assert named == project["optional-dependencies"].keys()


def test_reasons_are_those_of_minting():
    part = PAGE.partition("<!-- reasons:begin -->")[2].partition("<!-- reasons:end -->")[0]
    rows = dict(re.findall(r"^\| `(\w+)` \|(.*)$", part, re.MULTILINE))
    ours = {*SourceReason} - _WAIT_FOR_CHANGE - {SourceReason.UNREADABLE}
    assert {*rows} == {each.value for each in ours}
    slow = {reason for reason, row in rows.items() if "ten minutes" in row}
    assert slow == {each.value for each in _MAY_LOCK_OUT}
