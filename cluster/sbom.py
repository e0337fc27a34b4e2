"""What is in an image, as CycloneDX: read from its layers, so it is of this image and no other.

Debian's packages say what they are in ``/var/lib/dpkg/status.d``, Python's in their ``dist-info``;
what a wheel has compiled into it is in the SBOM that it brings along (PEP 770), where it does.

https://cyclonedx.org/docs/1.6/json/
https://github.com/package-url/purl-spec
https://www.debian.org/doc/debian-policy/ch-controlfields.html#source
"""

from __future__ import annotations

import email
import gzip
import io
import json
import re
import tarfile
import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from email.message import Message

_DEBIAN = re.compile(r"var/lib/dpkg/status\.d/([^/]+)")
_PYTHON = re.compile(r"(.*/[^/]+\.dist-info)/METADATA")
_BUNDLED = re.compile(r"(.*/[^/]+\.dist-info)/sboms/[^/]+\.json")
_RELEASE = "usr/lib/os-release"
_LONGEST_LICENSE = 64
"""Some put the whole text into the field that is for its name."""


@dataclass
class _Found:
    """What the layers tell.

    Args:
        debian: name -> fields of a package.
        python: normalized name -> metadata of a distribution.
        bundled: normalized name -> what is compiled into it.
        release: ID and version of the operating system, e.g. ``debian`` and ``12``.
        minor: Python's version, ``3.N``.
    """

    debian: dict[str, Message] = field(default_factory=dict)
    python: dict[str, Message] = field(default_factory=dict)
    bundled: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    release: tuple[str, str] = ("debian", "")
    minor: str = ""


def bom(layout: Mapping[str, bytes], name: str, version: str) -> dict[str, Any]:
    """The SBOM of the one image of a layout; the same for the same image.

    Args:
        layout: path -> content, as `cluster.ocilayout.image` makes it.
        name: of the image.
        version: of the image.
    """
    digest, architecture, layers = _opened(layout)
    found = _read(layers)
    debian, python = _debian(found), _python(found)
    components = {**debian, **python}
    needed = _debian_needs(found, debian) | _python_needs(found, python, name)
    below = {ref for refs in needed.values() for ref in refs}
    if debian:
        # Scanners choose by it whose advisories they look through.
        system = _system(found)
        needed[system["bom-ref"]] = [ref for ref in debian if ref not in below]
        below.update(debian)
        components[system["bom-ref"]] = system
    purl = f"pkg:oci/{name}@{quote(digest, safe='')}?arch={architecture}&tag={version}"
    image = {
        "type": "container",
        "bom-ref": purl,
        "name": name,
        "version": version,
        "purl": purl,
        "licenses": [{"expression": "Apache-2.0"}],
        "hashes": [{"alg": "SHA-256", "content": digest.partition(":")[2]}],
    }
    needed[purl] = [ref for ref in components if ref not in below]
    return {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, purl)}",
        "version": 1,
        "metadata": {"component": image},
        "components": [components[ref] for ref in sorted(components)],
        "dependencies": [
            {"ref": ref, "dependsOn": sorted(set(needed[ref]))} for ref in sorted(needed)
        ],
    }


def _opened(layout: Mapping[str, bytes]) -> tuple[str, str, list[bytes]]:
    """Digest and architecture of the image, and its layers' archives."""

    def blob(digest: str) -> bytes:
        return layout[f"blobs/{digest.replace(':', '/')}"]

    (described,) = json.loads(layout["index.json"])["manifests"]
    manifest = json.loads(blob(described["digest"]))
    layers = [gzip.decompress(blob(layer["digest"])) for layer in manifest["layers"]]
    return described["digest"], described["platform"]["architecture"], layers


def _read(layers: Iterable[bytes]) -> _Found:
    found = _Found()
    for layer in layers:
        with tarfile.open(fileobj=io.BytesIO(layer)) as tar:
            for entry in tar:
                file = tar.extractfile(entry) if entry.isreg() else None
                if file is not None:
                    _note(found, entry.name, file)
    return found


def _note(found: _Found, path: str, file: Any) -> None:
    if match := _DEBIAN.fullmatch(path):
        found.debian[match[1]] = email.message_from_bytes(file.read())
    elif match := _PYTHON.fullmatch(path):
        found.python[_distribution(match[1])] = email.message_from_bytes(file.read())
        found.minor = re.search(r"/python(3\.\d+)/", path)[1]  # type: ignore[index]
    elif match := _BUNDLED.fullmatch(path):
        components = json.load(file).get("components", [])
        found.bundled.setdefault(_distribution(match[1]), []).extend(components)
    elif path == _RELEASE:
        fields = dict(re.findall(r'^(\w+)="?([^"\n]*)"?$', file.read().decode(), re.M))
        found.release = fields["ID"], fields["VERSION_ID"]


def _distribution(folder: str) -> str:
    """The name of a distribution, of the path of its ``NAME-VERSION.dist-info``."""
    return canonicalize_name(folder.rpartition("/")[2].partition("-")[0])


def _system(found: _Found) -> dict[str, Any]:
    """The operating system whose packages they are."""
    name, version = found.release
    described = {"type": "operating-system", "bom-ref": f"os:{_distro(found)}", "name": name}
    return described | ({"version": version} if version else {})


def _distro(found: _Found) -> str:
    """As the qualifier of a package URL has it, e.g. ``debian-12``."""
    return "-".join(filter(None, found.release))


def _debian(found: _Found) -> dict[str, dict[str, Any]]:
    components = {}
    for name, fields in found.debian.items():
        version, architecture = fields["Version"], fields["Architecture"]
        source, source_version = _source(fields, name)
        where = f"arch={architecture}&distro={_distro(found)}"
        if source != name or source_version != version:
            at = f"@{source_version}" if source_version != version else ""
            where += f"&upstream={quote(source + at, safe='')}"
        purl = f"pkg:deb/debian/{quote(name)}@{quote(version, safe='')}?{where}"
        components[purl] = {
            "type": "library",
            "bom-ref": purl,
            "name": name,
            "version": version,
            "purl": purl,
            "properties": _source_properties(source, source_version),
        }
    return components


def _source(fields: Message, name: str) -> tuple[str, str]:
    """Name and version of the source package, which Debian's advisories go by."""
    source, _, version = (fields["Source"] or name).partition(" ")
    return source, version.strip("()") or fields["Version"]


def _source_properties(name: str, version: str) -> list[dict[str, str]]:
    """A source package as Trivy reads it; the purl's ``upstream`` is read by Grype.

    https://github.com/aquasecurity/trivy/blob/main/pkg/sbom/core/bom.go
    """
    epoch, colon, rest = version.partition(":")
    upstream, dash, revision = (rest if colon else version).rpartition("-")
    said = {
        "SrcEpoch": epoch if colon else "",
        "SrcName": name,
        "SrcRelease": revision if dash else "",
        "SrcVersion": upstream if dash else revision,
    }
    return [
        {"name": f"aquasecurity:trivy:{key}", "value": value}
        for key, value in said.items()
        if value
    ]


def _python(found: _Found) -> dict[str, dict[str, Any]]:
    components = {}
    for name, metadata in found.python.items():
        purl = f"pkg:pypi/{name}@{quote(metadata['Version'], safe='')}"
        components[purl] = {
            "type": "library",
            "bom-ref": purl,
            "name": name,
            "version": metadata["Version"],
            "purl": purl,
        }
        if licenses := _licenses(metadata):
            components[purl]["licenses"] = licenses
        if bundled := found.bundled.get(name):
            kept = ("type", "name", "version", "purl")
            parts = [{key: each[key] for key in kept if key in each} for each in bundled]
            components[purl]["components"] = sorted(parts, key=lambda part: json.dumps(part))
    return components


def _licenses(metadata: Message) -> list[dict[str, Any]]:
    if expression := metadata["License-Expression"]:
        return [{"expression": expression}]
    classifiers = metadata.get_all("Classifier", [])
    named = [each.rpartition(" :: ")[2] for each in classifiers if each.startswith("License ::")]
    said = (metadata["License"] or "").strip()
    if not named and said and "\n" not in said and len(said) <= _LONGEST_LICENSE:
        named = [said]
    return [{"license": {"name": name}} for name in named]


def _debian_needs(found: _Found, components: Mapping[str, Any]) -> dict[str, list[str]]:
    """Which packages each needs, of those that are there."""
    by_name = {component["name"]: ref for ref, component in components.items()}
    needed = {}
    for name, ref in by_name.items():
        fields = found.debian[name]
        said = f"{fields['Depends'] or ''},{fields['Pre-Depends'] or ''}"
        words = {
            each.split()[0].partition(":")[0] for each in re.split(r"[,|]", said) if each.strip()
        }
        needed[ref] = [by_name[word] for word in words if word in by_name]
    return needed


def _python_needs(found: _Found, components: Mapping[str, Any], root: str) -> dict[str, list[str]]:
    """Which distributions each needs; of `root` with all its extras."""
    by_name = {component["name"]: ref for ref, component in components.items()}
    needed: dict[str, list[str]] = {ref: [] for ref in components}
    extras = set(found.python[root].get_all("Provides-Extra", []))
    to_do, done = [(root, frozenset(extras))], set()
    while to_do:
        name, wanted = to_do.pop()
        for text in found.python[name].get_all("Requires-Dist", []):
            requirement = Requirement(text)
            other = canonicalize_name(requirement.name)
            if other not in by_name or not _applies(requirement, found.minor, wanted):
                continue
            needed[by_name[name]].append(by_name[other])
            step = (other, frozenset(requirement.extras))
            if step not in done:
                done.add(step)
                to_do.append(step)
    return needed


def _applies(requirement: Requirement, minor: str, extras: Iterable[str]) -> bool:
    there = {"python_version": minor, "sys_platform": "linux", "platform_system": "Linux"}
    marker = requirement.marker
    return marker is None or any(marker.evaluate(there | {"extra": each}) for each in ("", *extras))
