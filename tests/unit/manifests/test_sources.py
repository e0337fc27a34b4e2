"""Which files ``-f`` means."""

import io
import os
import sys

import pytest

from regcred.core.errors import UsageError
from regcred.manifests.sources import find, read


@pytest.fixture
def tree(tmp_path, monkeypatch):
    """Files whose content is their name, and the working directory beside them."""
    for name in (
        "b.yaml",
        "a.yml",
        "c.json",
        "notes.md",
        "Chart.YAML",
        ".hidden.yaml",
        "sub/d.yaml",
        "sub/deep/e.yaml",
        ".git/f.yaml",
        "empty/readme",
        "odd[1].yaml",
    ):
        path = tmp_path / "k" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    (tmp_path / "k" / "folder.yaml").mkdir()
    monkeypatch.chdir(tmp_path)
    return tmp_path / "k"


def names(*given, **options):
    return [source.name for source in find(given, **options)]


def test_folder_is_its_manifests_by_name(tree):
    assert names("k") == ["k/a.yml", "k/b.yaml", "k/c.json", "k/odd[1].yaml"]
    assert names("k", recursive=True) == [
        "k/a.yml",
        "k/b.yaml",
        "k/c.json",
        "k/odd[1].yaml",
        "k/sub/d.yaml",
        "k/sub/deep/e.yaml",
    ]


def test_named_file_may_be_called_anything(tree):
    assert names("k/notes.md", "k/.hidden.yaml", "k/odd[1].yaml") == [
        "k/notes.md",
        "k/.hidden.yaml",
        "k/odd[1].yaml",
    ]


def test_glob_is_what_a_shell_would_make_of_it(tree):
    assert names("k/*.y*ml") == ["k/a.yml", "k/b.yaml", "k/odd[1].yaml"]
    assert names("k/**/*.yaml") == [
        "k/b.yaml",
        "k/odd[1].yaml",
        "k/sub/d.yaml",
        "k/sub/deep/e.yaml",
    ]
    assert names("k/s*") == ["k/sub/d.yaml"]
    assert names("k/s*", recursive=True) == ["k/sub/d.yaml", "k/sub/deep/e.yaml"]


def test_each_file_once_by_whatever_names(tree):
    (tree / "link.yaml").symlink_to("b.yaml")
    (tree / "also").symlink_to(".")
    assert names("k/link.yaml", "k/b.yaml", "k", "k/../k/b.yaml", "k/also/b.yaml", "-", "-") == [
        "k/link.yaml",
        "k/a.yml",
        "k/c.json",
        "k/odd[1].yaml",
        "<stdin>",
    ]
    (source,) = find(["k/link.yaml"])
    assert source.path == str(tree / "b.yaml")
    assert source.regular


def test_links_to_folders_are_not_followed_below(tree):
    (tree / "sub" / "up").symlink_to("..")
    assert "k/sub/up/b.yaml" not in names("k", recursive=True)


def test_home_of_a_person(tree, monkeypatch):
    monkeypatch.setenv("HOME", str(tree))
    assert names("~/b.yaml") == [str(tree / "b.yaml")]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("", "the name of a file is empty"),
        ("none.yaml", "cannot read none.yaml: No such file or directory"),
        ("k/empty", "no *.yaml, *.yml, *.json is in the folder k/empty"),
        ("k/*.txt", "no file matches k/*.txt"),
        ("k/e*", "no file matches k/e*"),
        ("k/b.yaml/x", "cannot read k/b.yaml/x: Not a directory"),
        ("https://example.com/a.yaml", "cannot read https://example.com/a.yaml"),
        ("https://example.com/?a.yaml", "cannot read https://example.com/?a.yaml: only files"),
    ],
)
def test_nothing_found(tree, given, said):
    with pytest.raises(UsageError) as refused:
        find([given])
    assert refused.value.message.startswith(said)
    assert refused.value.hint


@pytest.mark.parametrize("verb", ["inject --secret NAME", "check -f -", "check … --secret-file -"])
def test_web_address_is_fetched_for_the_verb_at_hand(verb):
    with pytest.raises(UsageError) as refused:
        find(["https://example.com/a?b&c"], verb=verb)
    assert refused.value.hint == f"curl -fsSL 'https://example.com/a?b&c' | regcred {verb}"


def test_link_that_leads_nowhere(tree):
    (tree / "gone.yaml").symlink_to("nowhere")
    for given in ("k/gone.yaml", "k"):
        with pytest.raises(UsageError, match=r"cannot read k/gone.yaml: No such file"):
            find([given])


def test_links_in_a_circle(tree):
    (tree / "round.yaml").symlink_to("round.yaml")
    for given in ("k/round.yaml", "k", "k/*.yaml"):
        with pytest.raises(UsageError, match=r"cannot read k/round.yaml: Too many levels of symb"):
            find([given])


def test_read(tree):
    (source,) = find(["k/b.yaml"])
    assert b"".join(read(source)) == b"b.yaml"
    (tree / "b.yaml").unlink()
    with pytest.raises(UsageError, match=r"cannot read k/b.yaml: No such file"):
        list(read(source))


def test_read_stdin(monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"x" * 300_000)))
    (source,) = find(["-"])
    assert not source.regular
    pieces = list(read(source))
    assert len(pieces) == 2
    assert b"".join(pieces) == b"x" * 300_000


def test_pipe_by_its_name(tmp_path):
    ours, theirs = os.pipe()
    os.write(theirs, b"kind: Pod\n")
    os.close(theirs)
    (source,) = find([f"/dev/fd/{ours}"])
    assert not source.regular
    assert b"".join(read(source)) == b"kind: Pod\n"
    os.close(ours)
