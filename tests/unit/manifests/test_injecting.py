"""One pass or two over several streams, and who is cut off."""

import pytest

from regcred.core.errors import InvalidManifest
from regcred.core.formats import documents
from regcred.core.manifests.inject import Request
from regcred.manifests.injecting import Hooks, inject
from regcred.manifests.sources import find

POD = "apiVersion: v1\nkind: Pod\nmetadata: {name: %s}\nspec: {serviceAccountName: app}\n"
ACCOUNT = "apiVersion: v1\nkind: ServiceAccount\nmetadata: {name: app}\n"
WITH_LIST = ACCOUNT + "imagePullSecrets: [{name: old}, {name: new}]\n"


class Made:
    """Output that remembers."""

    def __init__(self):
        self.clears = -1
        self.clear()

    def clear(self):
        self.clears += 1
        self.texts = []

    def start(self, source):
        self.texts.append("")

    def add(self, document, injected):
        self.texts[-1] += injected.text

    def end(self):
        self.texts[-1] += "END"


@pytest.fixture
def run(tmp_path):
    """Injects into texts; gives what was made and counted, and the accounts that were looked up."""

    def do(*texts, lookup=None, wrong=(), **request):
        for number, text in enumerate(texts):
            (tmp_path / f"{number}.yaml").write_text(text)
        streams = find([str(tmp_path / f"{number}.yaml") for number in range(len(texts))])
        made, asked = Made(), []

        def look_up(accounts):
            asked.extend(accounts)
            return lookup or {}

        hooks = Hooks(lookup=look_up, wrong=lambda error: wrong.append(error.message))
        return made, inject(streams, Request(("new",), **request), made, hooks), asked

    return do


def test_serviceaccount_behind_its_pods(run):
    made, tally, asked = run(POD % "a" + "---\n" + POD % "b", WITH_LIST)
    assert (made.clears, asked) == (0, [])
    assert tally.found == tally.changed == 2
    assert tally.lost(["new"]) == {("", "app"): ["old"]}
    assert tally.cut_off["", "app"].count == 2
    assert [change.line for _, _, change in tally.cut_off["", "app"].first] == [4, 9]


def test_carried_over_in_a_second_pass(run):
    made, tally, _ = run(POD % "a", WITH_LIST, keep=True)
    assert made.clears == 1
    assert "[{name: old}, {name: new}]" in made.texts[0]
    assert made.texts[1] == WITH_LIST + "END"
    assert tally.lost(["new"]) == {}


@pytest.mark.parametrize("account", [ACCOUNT, ACCOUNT + "imagePullSecrets: [{name: new}]\n"])
def test_one_pass_where_nothing_is_to_be_carried_over(run, account):
    made, tally, _ = run(POD % "a", account, keep=True)
    assert made.clears == 0
    assert tally.lost(["new"]) == {}


def test_only_what_no_stream_says_is_looked_up(run):
    other = (POD % "b").replace("app", "other")
    lookup = {("", "other"): ("there",)}
    made, tally, asked = run(POD % "a", other, WITH_LIST, lookup=lookup)
    assert asked == [("", "other")]
    assert tally.lost(["new"]) == {("", "app"): ["old"], ("", "other"): ["there"]}
    made, _, _ = run(POD % "a", other, WITH_LIST, lookup=lookup, keep=True)
    assert "[{name: there}, {name: new}]" in made.texts[1]


def test_serviceaccounts_that_no_stream_has(run):
    other = (POD % "b").replace("app", "other")
    for keep in (False, True):
        _, tally, _ = run(POD % "a", other, ACCOUNT, keep=keep)
        assert tally.unknown == [("", "other")]
        _, tally, _ = run(POD % "a", other, WITH_LIST, keep=keep)
        assert tally.unknown == [("", "other")]


def test_few_are_remembered(run):
    _, tally, _ = run("---\n".join(POD % n for n in range(30)) + "---\n" + WITH_LIST)
    assert tally.cut_off["", "app"].count == 30
    assert len(tally.cut_off["", "app"].first) == 10


def test_every_stream_that_is_wrong_is_said(run, tmp_path):
    wrong = []
    with pytest.raises(InvalidManifest, match=r"3\.yaml:1:5: ") as last:
        run(POD % "a", "a: [\n", POD % "b", "a: b: c\n", wrong=wrong)
    assert [message.split(":")[0] for message in wrong] == [str(tmp_path / "1.yaml")]
    assert last.value.exit_code == 2


def test_document_without_end(run, monkeypatch):
    monkeypatch.setattr(documents, "MAX_CHARACTERS", 400_000)
    run((ACCOUNT + "---\n") * 10_000)
    with pytest.raises(InvalidManifest, match=r"0\.yaml:4:1: the document that starts here is"):
        run(ACCOUNT + "---\n" + "x" * 600_000)
