"""Files written anew: all or none, and with all that they had."""

import fcntl
import os
import resource
import signal
import stat
import threading
from pathlib import Path

import pytest

from regcred.core.errors import RegcredError, UsageError
from regcred.manifests import replace as module
from regcred.manifests.replace import CannotReplace, Replacement, check, replace
from regcred.manifests.sources import find


@pytest.fixture
def folder(tmp_path):
    """Three files, and none else afterwards."""
    made = tmp_path / "k"
    made.mkdir()
    for name in ("a.yaml", "b.yaml", "c.yaml"):
        (made / name).write_text(f"old {name}\n")
    yield made
    assert list(made.glob(".*")) == []


def replacement(path, content=b"new\n"):
    (source,) = find([str(path)])
    check(source)
    return Replacement(source, lambda: [content[:2], content[2:]])


def contents(folder):
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def do(*replacements):
    done = []
    replace(replacements, lambda source: done.append(Path(source.name).name))
    return done


def test_all_are_written_and_then_said(folder):
    said = do(replacement(folder / "a.yaml"), replacement(folder / "c.yaml", b"other\n"))
    assert said == ["a.yaml", "c.yaml"]
    assert contents(folder) == {
        "a.yaml": b"new\n",
        "b.yaml": b"old b.yaml\n",
        "c.yaml": b"other\n",
    }


def test_nothing_to_do():
    assert do() == []


def test_mode_owner_and_attributes_stay(folder):
    path = folder / "a.yaml"
    if os.geteuid() == 0:
        os.chown(path, 12345, 23456)
    path.chmod(0o2750)
    try:
        os.setxattr(path, "user.note", b"keep")
        attributes = ["user.note"]
    except OSError:  # this file system has none
        attributes = []
    before = path.stat()
    do(replacement(path))
    after = path.stat()
    assert path.read_bytes() == b"new\n"
    assert stat.S_IMODE(after.st_mode) == stat.S_IMODE(before.st_mode)
    assert (after.st_uid, after.st_gid) == (before.st_uid, before.st_gid)
    assert [name for name in os.listxattr(path) if name.startswith("user.")] == attributes


def test_attributes_that_the_folder_gives_are_taken_off(folder):
    # "u::rwx,u:54321:rwx,g::---,m::rwx,o::---" as posix_acl_xattr.h has it.
    entries = [(1, 7, -1), (2, 7, 54321), (4, 0, -1), (16, 7, -1), (32, 0, -1)]
    acl = b"".join(
        tag.to_bytes(2, "little")
        + right.to_bytes(2, "little")
        + (who % 2**32).to_bytes(4, "little")
        for tag, right, who in entries
    )
    try:
        os.setxattr(folder, "system.posix_acl_default", (2).to_bytes(4, "little") + acl)
    except OSError:
        pytest.skip("this file system has no ACLs")
    do(replacement(folder / "a.yaml"))
    assert "system.posix_acl_access" not in os.listxattr(folder / "a.yaml")


def test_link_stays_a_link(folder, tmp_path):
    link = tmp_path / "link.yaml"
    link.symlink_to("k/a.yaml")
    do(replacement(link))
    assert link.readlink() == Path("k/a.yaml")
    assert contents(folder)["a.yaml"] == b"new\n"
    assert sorted(tmp_path.iterdir()) == [folder, link]


def test_other_name_keeps_the_old_content(folder, tmp_path):
    os.link(folder / "a.yaml", tmp_path / "other.yaml")
    do(replacement(folder / "a.yaml"))
    assert (tmp_path / "other.yaml").read_text() == "old a.yaml\n"


def test_both_names_of_a_file(folder):
    os.link(folder / "a.yaml", folder / "d.yaml")
    do(replacement(folder / "a.yaml"), replacement(folder / "d.yaml", b"two\n"))
    assert contents(folder)["a.yaml"] == b"new\n"
    assert contents(folder)["d.yaml"] == b"two\n"


@pytest.mark.parametrize("links", [True, False])
def test_rename_that_fails_undoes_the_ones_before(folder, monkeypatch, links):
    before = contents(folder)
    made = [replacement(folder / name) for name in ("a.yaml", "b.yaml", "c.yaml")]
    real = os.replace

    def failing(new, path):
        if path.endswith("c.yaml"):
            raise OSError(16, "Device or resource busy")
        real(new, path)

    def no_link(*_):
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "replace", failing)
    if not links:
        monkeypatch.setattr(os, "link", no_link)
    with pytest.raises(CannotReplace) as refused:
        do(*made)
    assert refused.value.message == (
        f"cannot write {folder / 'c.yaml'}: Device or resource busy: no file is changed"
    )
    assert contents(folder) == before


def test_rename_that_fails_where_nothing_can_be_undone(folder, monkeypatch):
    made = [replacement(folder / name) for name in ("a.yaml", "b.yaml")]
    real, calls = os.replace, []

    def failing_after_the_first(new, path):
        calls.append(path)
        if len(calls) > 1:
            raise OSError(5, "Input/output error")
        real(new, path)

    monkeypatch.setattr(os, "replace", failing_after_the_first)
    with pytest.raises(CannotReplace) as refused:
        do(*made)
    message = refused.value.message
    assert "no file is changed" not in message
    kept = message.rpartition(" ")[2]
    assert Path(kept).read_text() == "old a.yaml\n"
    Path(kept).unlink()


def test_what_somebody_wrote_meanwhile_is_not_undone(folder, monkeypatch):
    made = [replacement(folder / name) for name in ("a.yaml", "b.yaml")]
    real = os.replace

    def failing(new, path):
        if path.endswith("b.yaml"):
            (folder / "theirs").write_text("theirs\n")
            real(folder / "theirs", folder / "a.yaml")
            raise OSError(5, "Input/output error")
        real(new, path)

    monkeypatch.setattr(os, "replace", failing)
    with pytest.raises(CannotReplace):
        do(*made)
    assert contents(folder)["a.yaml"] == b"theirs\n"


@pytest.mark.parametrize(
    "meddle",
    [
        lambda path: path.write_text("more\n"),
        lambda path: os.utime(path),
        lambda path: path.chmod(0o600),
        lambda path: (path.unlink(), path.write_text("old a.yaml\n")),
    ],
    ids=["content", "time", "mode", "anew"],
)
def test_file_that_changed_since_it_was_read(folder, meddle):
    made = [replacement(folder / "b.yaml"), replacement(folder / "a.yaml")]
    meddle(folder / "a.yaml")
    before = contents(folder)
    with pytest.raises(CannotReplace, match="changed by another program since it was read"):
        do(*made)
    assert contents(folder) == before


def test_file_that_is_gone(folder):
    made = replacement(folder / "a.yaml")
    (folder / "a.yaml").unlink()
    with pytest.raises(CannotReplace, match=r"No such file or directory: no file is changed"):
        do(made)


def test_file_that_another_run_is_writing(folder):
    made = [replacement(folder / "a.yaml"), replacement(folder / "b.yaml")]
    before = contents(folder)
    with (folder / "b.yaml").open() as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with pytest.raises(CannotReplace, match="is just being written by another program"):
            do(*made)
    assert contents(folder) == before


def test_no_room(folder):
    before = contents(folder)
    made = [replacement(folder / "a.yaml"), replacement(folder / "b.yaml", b"x" * 5000)]
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limit[1]))
    try:
        with pytest.raises(CannotReplace, match="File too large: no file is changed") as refused:
            do(*made)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limit)
    assert "df " in refused.value.hint
    assert contents(folder) == before


def test_content_that_cannot_be_had(folder):
    def content():
        yield b"half"
        raise RegcredError("no more")

    before = contents(folder)
    (source,) = find([str(folder / "b.yaml")])
    with pytest.raises(RegcredError, match="no more"):
        do(replacement(folder / "a.yaml"), Replacement(source, content))
    assert contents(folder) == before


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_signal_while_the_new_content_is_written(folder, number):
    def content():
        yield b"half"
        os.kill(os.getpid(), number)
        yield b"more"

    before, handlers = contents(folder), [signal.getsignal(each) for each in module._SIGNALS]
    (source,) = find([str(folder / "b.yaml")])
    with pytest.raises(KeyboardInterrupt):
        do(replacement(folder / "a.yaml"), Replacement(source, content))
    assert contents(folder) == before
    assert [signal.getsignal(each) for each in module._SIGNALS] == handlers


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signal_between_two_renames_waits_until_all_is_said(folder, monkeypatch, number):
    real, said = os.replace, []

    def signalled(new, path):
        # To this thread: pytest-xdist has others, which would take it, and regcred has none.
        signal.pthread_kill(threading.get_ident(), number)
        real(new, path)

    monkeypatch.setattr(os, "replace", signalled)
    made = [replacement(folder / "a.yaml"), replacement(folder / "b.yaml")]
    with pytest.raises(KeyboardInterrupt):
        replace(made, lambda source: said.append(source.name))
    assert len(said) == 2
    assert contents(folder)["a.yaml"] == contents(folder)["b.yaml"] == b"new\n"


def test_what_is_no_file(tmp_path):
    os.mkfifo(tmp_path / "pipe.yaml")
    for given in ("-", str(tmp_path / "pipe.yaml")):
        (source,) = find([given])
        with pytest.raises(UsageError, match="is no file that could be changed in place"):
            check(source)


def test_owner_that_cannot_be_kept(folder, monkeypatch):
    def refused(*_):
        raise PermissionError(1, "Operation not permitted")

    if os.geteuid() != 0:
        pytest.skip("only root can give a file away first")
    os.chown(folder / "a.yaml", 12345, 23456)
    monkeypatch.setattr(os, "fchown", refused)
    before = contents(folder)
    with pytest.raises(CannotReplace, match="somebody else's"):
        do(replacement(folder / "a.yaml"))
    assert contents(folder) == before
