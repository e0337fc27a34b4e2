"""Which packages an image is made of: what apt-cache says, read."""

from cluster import debianbase

LISTING = {
    "python3.11-minimal": """\
python3.11-minimal
  PreDepends: libc6
  Depends: libpython3.11-minimal
  Depends: dpkg
""",
    "libc6": """\
libc6
 |Depends: debconf
  Depends: <debconf-2.0>
    cdebconf
    debconf
  Depends: libgcc-s1
""",
    "libpython3.11-minimal": """\
libpython3.11-minimal
 |Depends: libssl3
  Depends: libssl1.1
""",
    "libgcc-s1": "libgcc-s1\n  Depends: libc6\n",
    "libssl3": "libssl3\n",
}


def test_dependencies_are_the_first_of_alternatives():
    assert debianbase.dependencies(LISTING["libc6"]) == ["debconf", "libgcc-s1"]
    assert debianbase.dependencies(LISTING["libpython3.11-minimal"]) == ["libssl3"]


def test_closure_is_without_what_manages_packages(monkeypatch):
    monkeypatch.setattr(
        debianbase, "_depends", lambda names: "".join(LISTING[name] for name in names)
    )
    assert debianbase.closure(["python3.11-minimal"]) == sorted(LISTING)
