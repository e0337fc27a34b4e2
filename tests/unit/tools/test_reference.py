"""The reference that is made from the code: it is that of today, and leaves nothing out."""

import re

import pytest
import yaml

from regcred.cli.main import SECTIONS
from tools import cliref, crdref
from tools.regions import filled, table


@pytest.mark.parametrize("reference", [cliref, crdref], ids=["cli", "pullcredential"])
def test_is_current(reference):
    assert reference.PAGE.read_text() == reference.page(), "make generated"


def test_every_program_and_verb_has_its_section():
    headings = re.findall(r"^## (regcred.*)$", cliref.page(), re.MULTILINE)
    verbs = {f"regcred {verb}" for verbs in SECTIONS.values() for verb in verbs}
    assert set(headings) == {*verbs, "regcred-post-renderer", "regcred-krm"}


@pytest.mark.parametrize(("name", "verb"), [*cliref.commands()], ids=str)
def test_every_option_is_in_its_section_with_its_variable(name, verb):
    section = cliref.page().partition(f"\n## {name}\n")[2].partition("\n## ")[0]
    for option in verb.params:
        if option.param_type_name == "option" and option.envvar and not option.hidden:
            (row,) = [line for line in section.splitlines() if f"<br>`{option.envvar}` |" in line]
            assert all(flag in row for flag in option.opts)
    for code in verb.exit_codes:
        assert f"\n| {code} | " in section


def test_a_row_of_an_option():
    page = cliref.page()
    assert "| `--name SECRET`<br>`REGCRED_NAME` | regcred | The Secret. |" in page
    assert r"| `--dry-run [none\|client\|server]`<br>`REGCRED_DRY_RUN` | none |" in page


def _nodes(schema, path=""):
    for name, each in schema.get("properties", {}).items():
        yield f"{path}{name}", each
        yield from _nodes(each, f"{path}{name}.")
        yield from _nodes(each.get("items", {}), f"{path}{name}[].")


def test_every_field_and_rule_of_the_crd_is_told():
    crd = yaml.safe_load(crdref.CRD.read_text())
    schema = crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    page = crdref.page()
    sections = {
        heading: set(re.findall(r"^\| \[?`([^`]+)`", text, re.MULTILINE))
        for heading, text in re.findall(r"^### (\S+)$([\s\S]*?)(?=^#|\Z)", page, re.MULTILINE)
    }
    rules = 0
    for path, node in _nodes(
        {"properties": {k: schema["properties"][k] for k in ("spec", "status")}}
    ):
        if "." in path:
            assert any(
                path.removeprefix(f"{section}.") in told
                for section, told in sections.items()
                if path.startswith(f"{section}.")
            ), path
        for each in (node, node.get("items", {})):
            for rule in each.get("x-kubernetes-validations", ()):
                rules += 1
                assert f"    {' '.join(rule['rule'].split())}\n" in page
    assert rules > 30


def test_a_message_that_is_put_together():
    assert (
        "a \\* works in the host only; a path is a prefix already; write …/PREFIX" in crdref.page()
    )


def test_a_part_is_made_anew_and_nothing_else():
    page = "# x\n<!-- a:begin -->\nold\n<!-- a:end -->\n<!-- b:begin -->\n<!-- b:end -->\n"
    assert filled(page, "a", "new\n") == page.replace("old", "\nnew\n")


@pytest.mark.parametrize(
    "page", ["", "<!-- a:begin -->\n", "<!-- a:begin -->\n<!-- a:end -->\n" * 2]
)
def test_a_page_without_one_place(page):
    with pytest.raises(ValueError, match="not one place"):
        filled(page, "a", "")


def test_a_table():
    assert table(["a", "b"], [["x|y", ""], [r"x\|y", "z"]]).splitlines() == [
        "| a | b |",
        "| --- | --- |",
        r"| x\|y | |",
        r"| x\|y | z |",
    ]
