"""What the pages of providers say: objects, commands, errors; and the reference of sources."""

import re
import shlex
import tomllib

import pytest
import yaml

from cluster.paths import CHECKOUT
from regcred import minters
from regcred.cli import main
from regcred.cli.sourceflags import SETTINGS
from regcred.core.diagnosis.refusal import throttled
from regcred.core.operator.pullcredential import parse
from regcred.core.operator.source import SourceReason
from regcred.core.operator.sourcekinds import MINTED_KINDS, SECRET_KEYS, STATIC_KINDS
from regcred.core.problem import Reason
from regcred.operator.sources import _MAY_LOCK_OUT, _WAIT_FOR_CHANGE
from tests.support import sourcespage
from tests.support.stagedfacts import auths, stage

KINDS = (*MINTED_KINDS, *STATIC_KINDS)
PAGES = {kind: sourcespage.read(kind) for kind in KINDS}
NAMES = {kind: path.stem for kind, path in sourcespage.PAGES.items()}
REFERENCE = sourcespage.REFERENCE.read_text()
EXAMPLES = {
    kind: (path, found)
    for path in (CHECKOUT / "docs" / "examples").glob("*.yaml")
    for found in yaml.safe_load_all(path.read_text())
    if found["kind"] == "PullCredential"
    for kind in found["spec"]["source"]
}
COMMANDS = {
    (NAMES[kind], command): None for kind, page in PAGES.items() for command in page.commands
}
OURS = {
    (name, " ".join(words)): words
    for name, command in COMMANDS
    for words in sourcespage.regcred([command])
}
MINTERS = CHECKOUT / "src" / "regcred" / "minters"
#: What belongs to a kind besides its own module, and what to all of them.
MORE = {
    "ecr": ("awsfailures", "ecrplaces"),
    "acr": ("entra", "entrafailures"),
    "googleArtifactRegistry": ("googlefailures", "googlekey", "googletransport"),
    "exec": ("program",),
}
SHARED = ("web", "settings", "jsonwebtoken")
#: Reasons that pass by themselves, of which the reference says enough.
PASSING = {SourceReason.THROTTLED, SourceReason.UNREACHABLE, SourceReason.MINT_FAILED}


def schema():
    path = CHECKOUT / "charts" / "regcred" / "files" / "pullcredentials.regcred.dev.yaml"
    crd = yaml.safe_load(path.read_text())
    return crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]


SPEC = schema()
VALUES = yaml.safe_load((CHECKOUT / "charts" / "regcred" / "values.yaml").read_text())


def code(kind, *more):
    """The code of a kind, with texts that go over several lines made one."""
    names = (minters.MODULES[kind], *MORE.get(kind, ()), *more)
    text = "".join((MINTERS / f"{name}.py").read_text() for name in names)
    return re.sub(r'"\s*\n\s*f?"', "", text)


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
    """Kind → where its row leads, and the other cells."""
    lines = re.findall(r"^\| \[`(\w+)`\]\(([^)]+)\) \|(.*)\|$", REFERENCE, re.MULTILINE)
    return {kind: (link, [cell.strip() for cell in rest.split("|")]) for kind, link, rest in lines}


class TestPages:
    def test_every_kind_has_one(self):
        assert sourcespage.PAGES.keys() == set(KINDS)
        assert all(path.exists() for path in sourcespage.PAGES.values())

    @pytest.mark.parametrize("kind", KINDS)
    def test_it_shows_its_object(self, kind):
        assert PAGES[kind].of(kind)
        path, example = EXAMPLES[kind]
        if kind in MINTED_KINDS:
            assert PAGES[kind].of(kind)[0] == example
        assert f"(../examples/{path.name})" in sourcespage.PAGES[kind].read_text()

    @pytest.mark.parametrize("kind", KINDS)
    def test_objects_are_understood(self, kind):
        for found in [*PAGES[kind].objects, EXAMPLES[kind][1]]:
            assert parse(found).problem is None
            assert list(unknown(found["spec"], SPEC)) == []

    @pytest.mark.parametrize("kind", KINDS)
    def test_it_says_all_that_one_asks(self, kind):
        text = sourcespage.PAGES[kind].read_text()
        headings = re.findall(r"^## (.*)$", text, re.MULTILINE)
        for heading in ("See that it works", "What the token can do", "When it fails", "Rotation"):
            assert heading in headings
        for link in ("../reference/sources.md#when-it-fails", "../reference/sources.md#rotation"):
            assert f"({link})" in text

    def test_blocks_are_yaml_or_commands(self):
        found = {language for page in PAGES.values() for language in page.languages}
        assert found == {"sh", "yaml", "console"}


class TestCommands:
    @pytest.mark.parametrize("kind", MINTED_KINDS)
    def test_there_is_one_without_the_operator(self, kind):
        given = sourcespage.regcred(PAGES[kind].commands)
        sources = [words[words.index("--from") + 1] for words in given if "--from" in words]
        assert set(sources) == {kind}

    def test_what_is_done_here_is_ours_and_what_is_not_is_marked(self):
        here = {command.split()[0] for _, command in COMMANDS}
        assert here == {"regcred", "kubectl", "helm"}
        there = {command.split()[0] for page in PAGES.values() for command in page.elsewhere}
        assert there == {"aws", "gcloud", "az", "curl", "TOKEN=$(curl"}

    @pytest.mark.parametrize("words", OURS.values(), ids=map(" ".join, OURS))
    def test_ours_are_understood(self, words):
        verb = main.cli.get_command(None, words[0])
        given = verb.make_context(words[0], words[1:]).params
        if (kind := given.get("source")) is None:
            return
        assert {each.partition("=")[0] for each in given["settings"]} <= {*SETTINGS[kind]}
        assert {each.partition("=")[0] for each in given["secret_files"]} <= {*SECRET_KEYS[kind]}

    @pytest.mark.parametrize("kind", KINDS)
    def test_the_chart_has_the_values(self, kind):
        for command in PAGES[kind].commands:
            words = shlex.split(command)
            for each in [words[n + 1] for n, word in enumerate(words) if word == "--set"]:
                if words[0] != "helm":
                    continue
                value = VALUES
                for step in each.partition("=")[0].split("."):
                    value = value[step]

    @pytest.mark.parametrize("kind", KINDS)
    def test_the_secrets_are_those_of_the_objects(self, kind):
        made = {}
        for command in PAGES[kind].commands:
            words = shlex.split(command)
            if words[:4] == ["kubectl", "create", "secret", "generic"]:
                keys = (each.partition("=")[2] for each in words if each.startswith("--from-"))
                made[words[4]] = {each.partition("=")[0] for each in keys}
            elif words[:2] == ["regcred", "secret"]:
                made[words[2]] = {".dockerconfigjson"}
        for found in PAGES[kind].objects:
            ((of, settings),) = found["spec"]["source"].items()
            if "secretRef" in settings:
                keys = made[settings["secretRef"]["name"]]
                assert keys <= {*SECRET_KEYS.get(of, keys)}, settings


class TestErrors:
    @pytest.mark.parametrize("kind", MINTED_KINDS)
    def test_each_reason_that_it_can_give_is_explained(self, kind):
        named = set(re.findall(r"SourceReason\.(\w+)", code(kind)))
        own = {SourceReason[name] for name in named if name in SourceReason.__members__}
        own |= {SourceReason.NOT_CONFIGURED} if "refuse(" in code(kind) else set()
        # A status that a kind has no finer word for.
        shared = {SourceReason.BAD_CREDENTIALS, SourceReason.NO_PERMISSION}
        own |= shared if "refused(" in code(kind) and kind != "dockerHub" else set()
        there = {SourceReason(reason) for reason, _, _ in PAGES[kind].reasons}
        assert own - PASSING <= there
        assert {SourceReason(reason) for reason in reference()} >= PASSING

    @pytest.mark.parametrize("kind", MINTED_KINDS)
    def test_it_says_what_is_quoted(self, kind):
        text = code(kind, *SHARED)
        for reason, said, mend in PAGES[kind].reasons:
            assert SourceReason(reason), mend
            for words in re.findall(r"`([^`]+)`", said):
                assert words in text, words

    def test_docker_hubs_limit_is_told_as_the_page_says(self):
        page = " ".join(sourcespage.PAGES["dockerHub"].read_text().split())
        facts = stage(own=["pull"], sa=["pull"], secrets={"pull": auths()})
        for who in (stage(), facts):
            cause = throttled(who, "")
            assert cause.reason == "RegistryThrottles"
            assert f"`{cause.hint}`" in page
        assert f"`{Reason.RATE_LIMITED}`: `takes no more requests for now`" in page


def reference():
    """Reason → its row in the reference."""
    part = REFERENCE.partition("<!-- reasons:begin -->")[2].partition("<!-- reasons:end -->")[0]
    return dict(re.findall(r"^\| `(\w+)` \|(.*)$", part, re.MULTILINE))


class TestReference:
    def test_the_table_has_every_kind_and_leads_to_its_page(self):
        rows = table()
        assert [*rows] == [*KINDS]
        for kind, (link, _) in rows.items():
            path = sourcespage.REFERENCE.parent / link.partition("#")[0]
            assert path.resolve() == sourcespage.PAGES[kind]

    @pytest.mark.parametrize("kind", MINTED_KINDS)
    def test_the_table_says_what_is_so(self, kind):
        _, (_, _, keyless, taken_back, extra, keys) = table()[kind]
        fields = SPEC["properties"]["source"]["properties"][kind]["properties"]
        assert (keyless == "yes") == ("identity" in fields)
        assert (taken_back == "yes") == (minters.revoker(minters.load(kind)) is not None)
        needed = re.search(r"pip install '(regcred\[\w+\])'", code(kind))
        assert extra == (f"`{needed[1]}`" if needed else "")
        assert tuple(re.findall(r"`([^`]+)`", keys)) == SECRET_KEYS[kind]

    @pytest.mark.parametrize("kind", MINTED_KINDS)
    def test_extras_are_named_where_they_are_needed(self, kind):
        extra = table()[kind][1][4]
        text = sourcespage.PAGES[kind].read_text()
        assert (f"pip install '{extra.strip('`')}'" in text) == bool(extra)

    def test_extras_are_those_of_the_package(self):
        project = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())["project"]
        cells = [cells for _, cells in table().values()]
        named = {name for each in cells for name in re.findall(r"\[(\w+)\]", each[4])}
        assert named == project["optional-dependencies"].keys()

    def test_reasons_are_those_of_minting(self):
        ours = {*SourceReason} - _WAIT_FOR_CHANGE - {SourceReason.UNREADABLE}
        assert {*reference()} == {each.value for each in ours}
        slow = {reason for reason, row in reference().items() if "ten minutes" in row}
        assert slow == {each.value for each in _MAY_LOCK_OUT}
