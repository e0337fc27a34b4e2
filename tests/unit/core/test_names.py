import pytest

from regcred.core import names
from regcred.core.errors import UsageError


@pytest.mark.parametrize("name", ["a", "regcred", "a-b.c-d", "0", "a" * 253])
def test_good_names(name):
    names.check_name(name, "Secret")


@pytest.mark.parametrize(
    "name", ["", "A", "-a", "a-", "a..b", "a_b", "a/b", "a" * 254, "é", "a\n", "a b"]
)
def test_bad_names(name):
    with pytest.raises(UsageError, match="name of a Secret"):
        names.check_name(name, "Secret")


@pytest.mark.parametrize("name", ["a", "team-a", "0", "a" * 63])
def test_good_namespaces(name):
    names.check_namespace(name)


@pytest.mark.parametrize("name", ["", "a.b", "A", "-a", "a-", "a" * 64, "a\n"])
def test_bad_namespaces(name):
    with pytest.raises(UsageError, match="name of a namespace: lower-case letters, digits and '-'"):
        names.check_namespace(name)


def test_globs():
    assert not names.is_glob("default")
    assert all(map(names.is_glob, ["a*", "a?", "[ab]"]))
    assert names.matches_any("build-1", ["default", "build-*"])
    assert not names.matches_any("Build-1", ["build-*"])
