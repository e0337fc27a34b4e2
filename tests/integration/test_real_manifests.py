"""Manifests that nobody here wrote: only the entries are added, and the API server agrees.

What is right is worked out by `tests.support.injectproof`, and by what the real kubectl and the
real API server make of the same bytes.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

import pytest

from regcred.core.errors import InvalidManifest
from regcred.core.manifests.inject import Request
from tests.support.injectproof import (
    CORE,
    FIELD,
    Obj,
    Task,
    at,
    group_and_kind,
    injected,
    load,
    names,
    objects,
    pod_specs,
    prove,
)
from tests.support.notrun import not_run
from tests.support.packagefiles import PackageFile, UnreachableIndexError
from tests.support.realmanifests import PACKAGES, ManifestFile, manifests

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

#: Custom resources in these packages that regcred does not know by itself: where their Pods are.
CUSTOM = {
    "DaskCluster": (("spec", "worker", "spec"), ("spec", "scheduler", "spec")),
    "DaskWorkerGroup": (("spec", "worker", "spec"),),
    "DaskJob": (
        ("spec", "job", "spec"),
        ("spec", "cluster", "spec", "worker", "spec"),
        ("spec", "cluster", "spec", "scheduler", "spec"),
    ),
    "SandboxTemplate": (("spec", "podTemplate", "spec"),),
}


IMAGE = re.compile(r"[a-z0-9./_-]+(:\d+/[a-z0-9./_-]+)?(:[\w.-]+)?(@sha256:[0-9a-f]{64})?")


def downloaded(
    request: pytest.FixtureRequest, packages: Sequence[PackageFile]
) -> Sequence[PackageFile]:
    """`packages`, whose files are here now."""
    try:
        for package in packages:
            manifests(package)
    except UnreachableIndexError as error:
        not_run(str(error))
    return packages


@pytest.fixture(scope="module", params=PACKAGES, ids=str)
def package(request: pytest.FixtureRequest) -> PackageFile:
    """Each of the packages."""
    return downloaded(request, (request.param,))[0]


@pytest.fixture(scope="module")
def packages(request: pytest.FixtureRequest) -> Sequence[PackageFile]:
    """All of them."""
    return downloaded(request, PACKAGES)


@cache
def rendered(package: PackageFile) -> list[ManifestFile]:
    """The files of `package` that are YAML or JSON."""
    return [file for file in manifests(package) if is_rendered(file)]


def is_rendered(file: ManifestFile) -> bool:
    try:
        load(file.text)
    except ValueError:
        return False
    return True


def with_pods(package: PackageFile) -> list[ManifestFile]:
    """The files of `package` that have Pod templates in them, those of `CUSTOM` too."""
    return [f for f in rendered(package) if any(pod_specs(o, CUSTOM) for o in objects(f.text))]


@cache
def proven(file: ManifestFile) -> str:
    """The text of `file` with two entries in every Pod template, proven to be right."""
    return prove(file.text, file.name, Task())


def test_there_are_enough(packages):
    files = [(package, file) for package in packages for file in rendered(package)]
    assert sum(len(load(file.text)) for _, file in files) >= 400
    found = {
        (package, json.dumps(obj, sort_keys=True, default=str)): obj["kind"]
        for package, file in files
        for obj in objects(file.text)
        if pod_specs(obj, CUSTOM)
    }
    assert len(found) >= 130  # of which no two are the same
    assert {package for package, _ in found} == set(PACKAGES)
    assert {package.registry for package in PACKAGES} == {"pypi", "npm"}
    kinds = {"Pod", "Deployment", "ReplicaSet", "StatefulSet", "DaemonSet", "Job", "PodTemplate"}
    assert set(found.values()) == kinds | CUSTOM.keys()


def test_only_the_entries_are_added(package):
    for file in rendered(package):
        proven(file)


def test_into_custom_resources_by_their_paths(package):
    for file in with_pods(package):
        prove(file.text, file.name, Task(custom=CUSTOM))


def test_into_service_accounts_too(package):
    for file in rendered(package):
        if any(group_and_kind(obj) == ("", "ServiceAccount") for obj in objects(file.text)):
            prove(file.text, file.name, Task(serviceaccounts=True))


def test_what_service_accounts_have_is_carried_over(package):
    for file in with_pods(package):
        prove(file.text, file.name, Task(carried=("theirs", "regcred"), namespace="here"))


def test_only_for_some_images(package):
    for file in with_pods(package):
        specs = [spec for obj in objects(file.text) for spec in pod_specs(obj)]
        images = {c.get("image") for spec in specs for c in spec.get("containers") or ()}
        # Not those that still have to be put in: ${IMAGE}.
        whole = sorted(image for image in images if image and IMAGE.fullmatch(image))
        for image in (*whole[:2], "registry.invalid/none"):
            prove(file.text, file.name, Task(images=(image,)))


def test_what_stands_already_stays(package):
    """Not a byte is changed for the names that all lists of a file have."""
    for file in with_pods(package):
        lists = [set(names(spec)) for obj in objects(file.text) for spec in pod_specs(obj)]
        if common := tuple(sorted(set.intersection(*lists))) if lists else ():
            assert prove(file.text, file.name, Task(common)) == file.text


@pytest.mark.parametrize("end", ["\r\n", ""], ids=["CRLF", "no line end at the end"])
def test_other_line_ends(package, end):
    for file in with_pods(package):
        text = re.sub("\r?\n", end, file.text) if end else file.text.rstrip("\n")
        output = prove(text, file.name, Task())
        if end:
            assert output.count("\n") == output.count("\r\n")


@pytest.mark.parametrize("style", [{"indent": 2}, {"separators": (",", ":")}], ids=str)
def test_the_same_objects_in_json(package, style):
    """One by one, and in a List with the others of their file."""
    for file in with_pods(package):
        found = objects(file.text)
        every = {"apiVersion": "v1", "kind": "List", "items": found}
        for obj in (every, *filter(pod_specs, found)):
            prove(json.dumps(obj, default=str, **style), file.name, Task())


def is_template(file: ManifestFile) -> bool:
    return not is_rendered(file) and bool(re.search("{{|{%", file.text))


def test_templates_are_refused(package):
    """Sources of Helm charts and of Jinja: with file, line and column, and the way out."""
    for file in manifests(package):
        if is_rendered(file):
            continue
        assert is_template(file), file.name
        with pytest.raises(InvalidManifest) as refused:
            injected(file.text, Request(("regcred",)), file.name)
        message = refused.value.message
        where = re.match(rf"{re.escape(file.name)}:(\d+):(\d+): ", message)
        assert where, message
        line, column = map(int, where.groups())
        lines = [*file.text.split("\n"), ""]
        assert 1 <= column <= len(lines[line - 1]) + 1, message
        assert "template" in message
        assert "helm template" in (refused.value.hint or ""), message


def test_there_are_enough_templates(packages):
    assert sum(is_template(file) for package in packages for file in manifests(package)) >= 200


# What kubectl and the API server say.


@dataclass(frozen=True)
class Reading:
    """What kubectl reads in some files.

    Args:
        objects: those of a List one by one.
        refused: numbers of the files that it cannot read to their end.
    """

    objects: list[Obj]
    refused: set[int]


@pytest.fixture(scope="module")
def kubectl_reads(cluster, tmp_path_factory) -> Callable[[Sequence[str]], Reading]:
    """Read texts with the real kubectl, which asks nobody about them."""

    def read(texts: Sequence[str]) -> Reading:
        folder = tmp_path_factory.mktemp("manifests")
        for number, text in enumerate(texts):
            (folder / f"{number:04}.yaml").write_bytes(text.encode())
        # Of the verbs that work without an API server, annotate is one that prints any kind.
        command = ("annotate", "--local", "-f", str(folder), "-o", "json", "regcred.test/read=1")
        answer = cluster.kubectl(*command, check=False)
        said = answer.stderr.decode()
        refused = {int(number) for number in re.findall(r"(\d{4})\.yaml\b", said)}
        assert bool(refused) == bool(answer.returncode), said
        return Reading(list(json_values(answer.stdout.decode())), refused)

    return read


def json_values(text: str) -> Iterator[Any]:
    """The values in `text`, which stand one behind the other."""
    decoder, start = json.JSONDecoder(), 0
    text = text.strip()
    while start < len(text):
        value, start = decoder.raw_decode(text, start)
        yield value
        while text[start : start + 1].isspace():
            start += 1


@pytest.fixture(scope="module")
def read_twice(packages, kubectl_reads) -> list[tuple[Obj, Obj]]:
    """Every object of all packages as kubectl reads it, before and after."""
    files = [file for package in packages for file in rendered(package)]
    before = kubectl_reads([file.text for file in files])
    after = kubectl_reads([proven(file) for file in files])
    # Settings that are no objects, though they speak of some; a number as a label.
    assert before.refused == after.refused
    assert len(before.refused) < len(files) / 10
    return list(zip(before.objects, after.objects, strict=True))


def test_kubectl_reads_the_entries_and_nothing_else(read_twice):
    for before, after in read_twice:
        assert after == Task().apply(before)
    assert sum(bool(pod_specs(before)) for before, _ in read_twice) >= 140


def test_the_api_server_accepts_what_it_accepted(read_twice, cluster, namespace):
    answers: Counter[int] = Counter()
    for before, after in read_twice:
        if not pod_specs(before):
            continue
        old, new = (dry_run(cluster, namespace, obj) for obj in (before, after))
        assert (new.status, new.causes) == (old.status, old.causes), before["metadata"]
        answers[new.status] += 1
        if new.status == 201:
            path = (*CORE[group_and_kind(after)][1], FIELD)
            assert at(new.content, path) == at(after, path)
    # The others it refused already, and for the same causes: versions that are gone (404),
    # mistakes (400, 422), privileges that this cluster does not give, ServiceAccounts that are
    # not in the namespace (403).
    assert answers[201] >= 110, answers
    assert answers.keys() <= {201, 400, 403, 404, 422}, answers


@dataclass(frozen=True)
class Answer:
    """What the API server says to an object.

    Args:
        status: 201 where it would be created.
        causes: why it would not.
        content: the object, or all that it says.
    """

    status: int
    causes: Any
    content: Obj


def dry_run(cluster, namespace: str, obj: Obj) -> Answer:
    """Ask as ``kubectl create --dry-run=server --validate=strict`` does, for `namespace`."""
    version = obj["apiVersion"]
    root = f"/apis/{version}" if "/" in version else f"/api/{version}"
    path = f"{root}/namespaces/{namespace}/{CORE[group_and_kind(obj)][0]}"
    obj = {**obj, "metadata": {**obj["metadata"], "namespace": namespace}}
    status, body = cluster.api.request("POST", f"{path}?dryRun=All&fieldValidation=Strict", obj)
    content = json.loads(body) if body.startswith(b"{") else {}
    causes = at(content, ("details", "causes")) or content.get("message")
    return Answer(status, None if status == 201 else causes, content)
