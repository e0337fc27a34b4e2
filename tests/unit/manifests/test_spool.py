"""What is kept until it may be written."""

import os
import resource
import stat
import tempfile

import pytest

from regcred.core.errors import RegcredError
from regcred.manifests import spool as module
from regcred.manifests.spool import Spool


@pytest.fixture
def small(monkeypatch, tmp_path):
    """Goes to disk after 100 bytes, in a folder of its own."""
    monkeypatch.setattr(module, "LIMIT", 100)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


@pytest.mark.parametrize("size", [1, 60, 1000])
def test_gives_back_what_was_written(small, size):
    with Spool() as spool:
        for _ in range(3):
            spool.write(b"a" * size)
            spool.write(b"b" * size)
        assert spool.size == 6 * size
        assert b"".join(spool.read()) == (b"a" * size + b"b" * size) * 3
        assert b"".join(spool.read(size, 3 * size)) == b"b" * size + b"a" * size
        spool.truncate(size)
        assert b"".join(spool.read()) == b"a" * size
        spool.write(b"c")
        assert b"".join(spool.read()) == b"a" * size + b"c"
        spool.truncate(0)
        assert list(spool.read()) == []


def test_may_be_written_while_it_is_read(small):
    with Spool() as spool:
        spool.write(b"a" * 1000)
        for block in spool.read():
            spool.write(b"b" * len(block))
        assert b"".join(spool.read()) == b"a" * 1000 + b"b" * 1000


def test_on_disk_only_for_its_owner_and_without_a_name(small):
    with Spool() as spool:
        spool.write(b"a" * 101)
        assert list(small.iterdir()) == []
        status = os.fstat(spool._file.fileno())
        assert status.st_nlink == 0
        assert stat.S_IMODE(status.st_mode) == 0o600


def test_no_folder_to_keep_it_in(monkeypatch):
    monkeypatch.setattr(module, "LIMIT", 100)
    monkeypatch.setattr(tempfile, "tempdir", None)
    monkeypatch.setattr(tempfile, "_candidate_tempdir_list", lambda: ["/nonexistent"])
    with Spool() as spool, pytest.raises(RegcredError, match="nothing can be kept") as refused:
        spool.write(b"a" * 101)
    assert "TMPDIR" in refused.value.hint


def test_no_room(small):
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, before[1]))
    try:
        with Spool() as spool:
            with pytest.raises(RegcredError, match=f"cannot keep in {small}") as refused:
                spool.write(b"a" * 1_000_000)
            assert "TMPDIR" in refused.value.hint
            with pytest.raises(RegcredError):
                list(spool.read())
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
