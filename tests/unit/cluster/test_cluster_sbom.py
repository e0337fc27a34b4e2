"""The SBOM of images that are made up, each about one thing; the real one is in tests/e2e."""

import json

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from cluster import ocilayout, sbom

SITE = "opt/x/lib/python3.11/site-packages"
ROOT = "Name: x\nVersion: 1.0\nProvides-Extra: more\n"


@pytest.fixture
def bom(tmp_path):
    """The SBOM of an image with these files."""

    def describe(files):
        for path, content in files.items():
            target = tmp_path / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(content)
        parts = sorted({path.partition("/")[0] for path in files})
        layer = ocilayout.Layer.of(ocilayout.folder_tar(tmp_path, parts))
        layout = ocilayout.image([layer], config={}, architecture="amd64")
        described = sbom.bom(layout, "x", "1.0")
        assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(json.dumps(described)) is None
        return described

    return describe


def python(**metadata):
    """Files of distributions by their METADATA, and of ``x``, which is always there."""
    return {
        f"{SITE}/{name}-1.0.dist-info/METADATA": text
        for name, text in ({"x": ROOT} | metadata).items()
    }


def needed(described):
    """Name → names of what it needs."""
    names = {each["bom-ref"]: each["name"] for each in described["components"]}
    names[described["metadata"]["component"]["bom-ref"]] = "(image)"
    return {
        names[each["ref"]]: [names[ref] for ref in each["dependsOn"]]
        for each in described["dependencies"]
    }


def component(described, name):
    (found,) = [each for each in described["components"] if each["name"] == name]
    return found


def test_same_image_same_sbom(bom):
    assert bom(python()) == bom(python())


def test_requirements_by_marker_and_extra(bom):
    described = bom(
        python(
            x=ROOT
            + "Requires-Dist: A.b>=1\n"
            + "Requires-Dist: c; extra == 'more'\n"
            + "Requires-Dist: d; python_version < '3.9'\n"
            + "Requires-Dist: not-there\n",
            a_b="Name: A.b\nVersion: 1.0\nRequires-Dist: d; extra == 'unasked'\n",
            c="Name: c\nVersion: 1.0\nRequires-Dist: a-b[unasked]\n",
            d="Name: d\nVersion: 1.0\n",
        )
    )
    assert needed(described) == {
        "(image)": ["x"],
        "x": ["a-b", "c"],
        "a-b": ["d"],
        "c": ["a-b"],
        "d": [],
    }


def test_what_nobody_needs_is_needed_by_the_image(bom):
    described = bom(python(stray="Name: stray\nVersion: 1.0\n"))
    assert needed(described)["(image)"] == ["stray", "x"]


@pytest.mark.parametrize(
    ("said", "licenses"),
    [
        ("License-Expression: MIT OR Apache-2.0\n", [{"expression": "MIT OR Apache-2.0"}]),
        (
            "Classifier: License :: OSI Approved :: MIT License\n",
            [{"license": {"name": "MIT License"}}],
        ),
        ("License: BSD\n", [{"license": {"name": "BSD"}}]),
        ("License: first line\n second line\n", None),
        ("", None),
    ],
)
def test_licenses(bom, said, licenses):
    assert component(bom(python(x=ROOT + said)), "x").get("licenses") == licenses


def test_what_a_wheel_has_compiled_in(bom):
    part = {"type": "library", "name": "openssl", "version": "4.0", "bom-ref": "of another file"}
    bundled = {f"{SITE}/x-1.0.dist-info/sboms/a.json": json.dumps({"components": [part]})}
    (kept,) = component(bom(python() | bundled), "x")["components"]
    assert kept == {"type": "library", "name": "openssl", "version": "4.0"}


def package(name, **fields):
    said = {"Package": name, "Version": "1:2+3", "Architecture": "amd64"} | fields
    return {f"var/lib/dpkg/status.d/{name}": "".join(f"{k}: {v}\n" for k, v in said.items())}


RELEASE = {"usr/lib/os-release": 'ID=debian\nVERSION_ID="12"\n'}


def test_packages_of_debian(bom):
    one = package("one", Depends="two:any (>= 1) | three", **{"Pre-Depends": "four"})
    described = bom(python() | RELEASE | one | package("two") | package("four"))
    assert needed(described)["one"] == ["four", "two"]
    purl = component(described, "two")["purl"]
    assert purl == "pkg:deb/debian/two@1%3A2%2B3?arch=amd64&distro=debian-12"


def test_the_operating_system_is_named_and_has_its_packages(bom):
    """By it Trivy and Grype choose the advisories of a release."""
    described = bom(python() | RELEASE | package("one", Depends="two") | package("two"))
    system = component(described, "debian")
    assert (system["type"], system["version"]) == ("operating-system", "12")
    assert needed(described)["debian"] == ["one"]
    assert needed(described)["(image)"] == ["debian", "x"]


def test_without_packages_of_debian_no_operating_system_is_named(bom):
    types = {each["type"] for each in bom(python() | RELEASE)["components"]}
    assert types == {"library"}


@pytest.mark.parametrize(
    ("fields", "upstream", "properties"),
    [
        ({"Version": "3.0-1"}, None, {"Name": "libx", "Version": "3.0", "Release": "1"}),
        (
            {"Version": "3.0-1~deb12u2", "Source": "x"},
            "x",
            {"Name": "x", "Version": "3.0", "Release": "1~deb12u2"},
        ),
        (
            {"Version": "2:3.0-4-1+b2", "Source": "x++ (1:3.0-4-1)"},
            "x%2B%2B%401%3A3.0-4-1",
            {"Name": "x++", "Epoch": "1", "Version": "3.0-4", "Release": "1"},
        ),
        (
            {"Version": "3.0+b1", "Source": "libx (3.0)"},
            "libx%403.0",
            {"Name": "libx", "Version": "3.0"},
        ),
    ],
)
def test_packages_of_debian_name_their_source(bom, fields, upstream, properties):
    """Where Grype and where Trivy look for it: Debian's advisories know no other name."""
    found = component(bom(python() | RELEASE | package("libx", **fields)), "libx")
    behind = f"&upstream={upstream}" if upstream else ""
    assert found["purl"].partition("?")[2] == f"arch=amd64&distro=debian-12{behind}"
    said = {each["name"]: each["value"] for each in found["properties"]}
    assert said == {f"aquasecurity:trivy:Src{key}": is_ for key, is_ in properties.items()}
