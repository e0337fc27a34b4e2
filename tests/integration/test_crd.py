"""The CRD of PullCredential on the real API server: what it takes, and the words with which it
refuses, which are the core's own.
"""

import json
import re
import secrets

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cluster.paths import CHECKOUT
from cluster.waiting import await_condition
from regcred.core.logins.claim import refusal
from regcred.core.operator.pcstatus import Failure, Tally, build
from regcred.core.operator.pullcredential import parse
from regcred.core.operator.source import Fragment, SourceFailure
from regcred.core.operator.sourcekinds import MINTED_KINDS, STATIC_KINDS
from regcred.core.operator.staticsource import read
from tests.support import sourcespage
from tests.support.operating import EPOCH
from tests.support.operating import given as gives
from tests.support.pullcredentials import (
    MINIMAL,
    REFUSED_BY_CORE,
    REFUSED_MINTED,
    REFUSED_REGISTRIES,
    REFUSED_SPECS,
    TAKEN_REGISTRIES,
    TAKEN_SPECS,
)
from tests.support.release import CRD

EXAMPLES = sorted((CHECKOUT / "docs" / "examples").glob("*.yaml"))
API = "/apis/regcred.dev/v1alpha1/pullcredentials"
_CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
_NAME = "pullcredentials.regcred.dev"


class Objects:
    """PullCredentials of the real API server."""

    def __init__(self, cluster):
        self.cluster = cluster

    def request(self, method, path, body=None):
        status, content = self.cluster.api.request(method, path, body)
        return status, json.loads(content)

    def create(self, spec, *, dry_run=False, name=""):
        """Status and answer; ``spec`` may be anything."""
        metadata = {"name": name or f"test-{secrets.token_hex(4)}"}
        body = {
            "apiVersion": "regcred.dev/v1alpha1",
            "kind": "PullCredential",
            "metadata": metadata,
            "spec": spec,
        }
        query = "?fieldValidation=Strict" + ("&dryRun=All" if dry_run else "")
        return self.request("POST", API + query, body)

    def refusals(self, spec):
        """(field, why) of each reason for which it is refused; empty where it is taken."""
        status, answer = self.create(spec, dry_run=True)
        if status == 201:
            return set()
        assert status == 422, answer
        return {(cause["field"], _words(cause["message"])) for cause in answer["details"]["causes"]}


def _words(message):
    """Without what the API server puts before a reason: `Invalid value: "x": `."""
    value = r'(?:"(?:[^"\\]|\\.)*"|\S+?)'
    message = re.sub(rf"^(?:Invalid|Unsupported) value: (?:{value}: )?", "", message)
    message = re.sub(r"^.*? in body (must be of type \w+).*", r"\1", message)
    return re.sub(r"^(Required value).*", r"\1", message)


@pytest.fixture(scope="module")
def objects(cluster):
    """With the CRD, which was there before or goes again at the end, with all of its objects."""
    objects = Objects(cluster)
    was_there = objects.request("GET", f"{_CRDS}/{_NAME}")[0] == 200
    # Server-side, so that nothing but the API server's own limits can refuse it.
    cluster.kubectl("apply", "--server-side", "--force-conflicts", "-f", str(CRD))

    def ready():
        if cluster.api.request("GET", API)[0] != 200:  # which says so in words, and not in JSON
            return False
        return objects.create(MINIMAL, dry_run=True)[0] == 201 and objects.refusals({})

    await_condition("the API server serves PullCredentials", ready, timeout=60)
    yield objects
    if not was_there:
        objects.request("DELETE", f"{_CRDS}/{_NAME}")

        def gone():
            return objects.request("GET", f"{_CRDS}/{_NAME}")[0] == 404

        await_condition("the CRD is gone", gone, timeout=60)


@pytest.fixture
def created(objects):
    """Create objects that are gone after the test."""
    names = []

    def create(spec, name=""):
        status, answer = objects.create(spec, name=name)
        assert status == 201, answer
        names.append(answer["metadata"]["name"])
        return answer

    yield create
    for name in names:
        objects.request("DELETE", f"{API}/{name}")


def test_the_crd_is_as_the_api_server_wants_it(objects):
    _, crd = objects.request("GET", f"{_CRDS}/{_NAME}")
    conditions = {each["type"]: each["status"] for each in crd["status"]["conditions"]}
    assert conditions["Established"] == conditions["NamesAccepted"] == "True"
    assert "NonStructuralSchema" not in conditions
    assert crd["spec"]["names"]["shortNames"] == ["pcred"]
    assert crd["metadata"]["annotations"]["helm.sh/resource-policy"] == "keep"


def test_every_field_is_described():
    def fields(schema, path):
        for name, each in schema.get("properties", {}).items():
            yield f"{path}.{name}", each
            yield from fields(each, f"{path}.{name}")
            yield from fields(each.get("items", {}), f"{path}.{name}[]")

    crd = yaml.safe_load(CRD.read_text())
    spec = crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]
    assert [path for path, each in fields(spec, "spec") if not each.get("description")] == []


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_examples(objects, cluster, namespace, path):
    text = path.read_text().replace("namespace: regcred-system", f"namespace: {namespace}")
    documents = list(yaml.safe_load_all(text))
    (example,) = [each for each in documents if each["kind"] == "PullCredential"]
    try:
        cluster.kubectl("apply", "--validate=strict", "-f", "-", stdin=text.encode())
        _, there = objects.request("GET", f"{API}/{example['metadata']['name']}")
        found = parse(there)
        assert found.problem is None
        assert found.spec == parse(example).spec
        if found.spec.source.kind in MINTED_KINDS:
            return
        secret = _source(objects, namespace, found.spec.source.secret.name)
        given = read(found.spec, secret, namespace)
        assert isinstance(given, Fragment if secret else SourceFailure), given
        if secret:
            assert len(given.credentials) == len(found.spec.registries)
    finally:
        cluster.kubectl("delete", "--ignore-not-found", "-f", "-", stdin=text.encode())


def _source(objects, namespace, name):
    status, secret = objects.request("GET", f"/api/v1/namespaces/{namespace}/secrets/{name}")
    return secret if status == 200 else None


def test_there_are_examples_of_every_source():
    texts = [yaml.safe_load_all(path.read_text()) for path in EXAMPLES]
    specs = [each["spec"] for docs in texts for each in docs if each["kind"] == "PullCredential"]
    kinds = [kind for spec in specs for kind in spec["source"]]
    assert sorted(kinds) == sorted((*STATIC_KINDS, *MINTED_KINDS))


@pytest.mark.parametrize("kind", [*MINTED_KINDS, *STATIC_KINDS])
def test_what_the_page_of_a_source_shows(objects, kind):
    found = [objects.refusals(each["spec"]) for each in sourcespage.read(kind).objects]
    assert found
    assert found == [set()] * len(found)


def test_taken(objects):
    refused = {json.dumps(spec): found for spec in TAKEN_SPECS if (found := objects.refusals(spec))}
    assert refused == {}


@pytest.mark.parametrize(("spec", "field", "why"), REFUSED_SPECS)
def test_refused_in_the_words_of_the_core(objects, spec, field, why):
    found = objects.refusals(spec)
    assert (field, why) in found
    # What does not fit the schema is not looked at by rules, and gets a second reason for that.
    others = {words for _, words in found if not words.startswith("some validation rules were not")}
    assert others == {why}


@pytest.mark.parametrize(("spec", "field", "why"), REFUSED_MINTED)
def test_a_source_that_no_minter_would_take(objects, spec, field, why):
    assert (field, why) in objects.refusals(spec)


def _fields(schema, value, path=()):
    """(path, schema) of each field that a value has, with those of what is in it."""
    for name, each in schema.get("properties", {}).items():
        if name not in value:
            continue
        yield (*path, name), each
        if each["type"] == "object":
            yield from _fields(each, value[name], (*path, name))
        elif each["type"] == "array" and each["items"]["type"] == "object":
            yield from _fields(each["items"], value[name][0], (*path, name, 0))


def _wrong(schema):
    """Values that a field cannot have, whatever it is for."""
    match schema["type"]:
        case "string":
            yield from (7, True, ["a"], {"a": "b"}, "", "a" * 5000)
        case "integer":
            yield from ("7", 1.5, [7], 0, -1, 2**64)
        case "array":
            yield from ("a", {"a": "b"}, [7 if schema["items"]["type"] == "string" else "a"])
            yield ["a"] * 1000 if schema["items"]["type"] == "string" else [{"name": "a"}] * 65
        case "object":
            yield from ("a", ["a"], 7, {"unheard-of": "a"})


def _changed(whole, path, value):
    """The same with another value at a path; without it for None."""
    made = json.loads(json.dumps(whole))
    there = made
    for part in path[:-1]:
        there = there[part]
    if value is None:
        del there[path[-1]]
    else:
        there[path[-1]] = value
    return made


def _taken(kind):
    """What stands under a kind in the specs that are taken, and once with all of a reference."""
    found = [spec["source"][kind] for spec in TAKEN_SPECS if kind in spec["source"]]
    schema, more = _schema_of(kind)["properties"], {}
    for name, field in (("secretRef", "key"), ("identity", "audience")):
        for whole in found:
            if name in whole and field in schema[name]["properties"]:
                more[name] = whole | {name: whole[name] | {field: "of-mine"}}
    return [*found, *more.values()]


def _schema_of(kind):
    crd = yaml.safe_load(CRD.read_text())
    spec = crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]
    return spec["properties"]["source"]["properties"][kind]


def _paths(schema, path=()):
    for name, each in schema.get("properties", {}).items():
        yield (*path, name)
        yield from _paths(each, (*path, name))
        yield from _paths(each.get("items", {}), (*path, name, 0))


#: What is taken all the same: an empty key is the usual one, an empty value of a variable is one,
#: and the API server takes a list for a text with a format, which its minter does not.
_TAKEN_ALL_THE_SAME = (
    (("secretRef", "key"), ""),
    (("env", 0, "value"), ""),
    (("expiresAt",), ["a"]),
)


@pytest.mark.parametrize("kind", [*STATIC_KINDS, *MINTED_KINDS])
def test_every_field_of_every_source_is_looked_at(objects, kind):
    """Each is refused where it is of another type, empty, too large, unheard of, or missing."""
    schema = _schema_of(kind)
    tried, taken = set(), []
    for whole in _taken(kind):
        for path, each in _fields(schema, whole):
            tried.add(path)
            for value in _wrong(each):
                changed = _changed(whole, path, value)
                status, _ = objects.create(MINIMAL | {"source": {kind: changed}}, dry_run=True)
                taken += [(path, value)] if status not in (400, 422) else []
    assert [each for each in taken if each not in _TAKEN_ALL_THE_SAME] == []
    assert tried == {*_paths(schema)}


def _required(schema, path=()):
    yield from ((*path, name) for name in schema.get("required", ()))
    for name, each in schema.get("properties", {}).items():
        yield from _required(each, (*path, name))
        if "items" in each:
            yield from _required(each["items"], (*path, name, 0))


@pytest.mark.parametrize("kind", [*STATIC_KINDS, *MINTED_KINDS])
def test_every_field_that_is_required_is_missed(objects, kind):
    required, missed = {*_required(_schema_of(kind))}, set()
    for whole in _taken(kind):
        for path, _ in _fields(_schema_of(kind), whole):
            if path not in required:
                continue
            changed = _changed(whole, path, None)
            refusals = objects.refusals(MINIMAL | {"source": {kind: changed}})
            field = "".join(f"[{e}]" if isinstance(e, int) else f".{e}" for e in path)
            assert (f"spec.source.{kind}{field}", "Required value") in refusals
            missed.add(path)
    assert missed == required


def test_all_that_is_wrong_is_told_at_once(objects):
    spec = {**MINIMAL, "registries": [text for text, _ in REFUSED_REGISTRIES[:12]]}
    problems = parse({"metadata": {"name": "a"}, "spec": spec}).problem.problems
    assert len(problems) == 12
    assert objects.refusals(spec) == set(problems)


PIECES = [
    "ghcr.io", "docker.io", "index.docker.io", "hub.docker.com", "localhost", "a", "B", "0", "*",
    ".", "..", "-", "--", "_", "__", "/", "//", "/v1/", "/v2", ":", ":5000", "@", "?", "#", "%41",
    "%2F", " ", "{", "[", "]", "[::1]", "::1", "https://", "http://", "HTTP://", "é", "\\", "'",
]  # fmt: skip


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    st.lists(
        st.lists(st.sampled_from(PIECES), max_size=6).map("".join)
        | st.sampled_from(TAKEN_REGISTRIES),
        min_size=1,
        max_size=60,
        unique=True,
    )
)
def test_the_crd_refuses_nothing_that_the_core_takes(objects, texts):
    found = objects.refusals({**MINIMAL, "registries": texts})
    refused = {int(re.findall(r"\d+", field)[-1]) for field, _ in found}
    assert {texts[i]: refusal(texts[i]) for i in refused if not refusal(texts[i])} == {}


#: No name of a namespace or of a ServiceAccount; many of them mean something to an expression.
HOSTILE = [
    *(f"a{each}b" for each in "|+?^$()[]{}\\/,;:'\"`%&#@!~<>=_ "),
    "(a*)*", "(?i)a", "(a|a)*b", "[a-z]*", "a{1,1000}", "a**{9}", "^a$", ".*", "a.+", "\\a", "\\pL",
    "a\n", "\na", "a\nb", "a\r", "a\tb", "a\x00", "a\x00b", "\x7f", "a\x1b[31m",
    "é", "\u0430", "ａ", "a\u200b", "a\u202eb", "a\u2028", "\ufeffa", "\U0001d51e", "A*", "İ",
    "-*", "*-", "*.", ".*.", "a..b", "a.-b", "*..*", "", " ", "*\n",
]  # fmt: skip
_GLOBS = {
    "spec.namespaces.include": (lambda globs: {"namespaces": {"include": globs}}, 63),
    "spec.namespaces.exclude": (lambda globs: {"namespaces": {"exclude": globs}}, 63),
    "spec.serviceAccounts.include": (lambda globs: {"serviceAccounts": {"include": globs}}, 253),
}


@pytest.mark.parametrize("field", _GLOBS)
def test_hostile_globs_are_refused(objects, field):
    """By the core as well; what is in the grammar, however odd, is taken."""
    of, longest = _GLOBS[field]

    def refusals(*globs):
        return {place for place, _ in objects.refusals(MINIMAL | of(list(globs)))}

    hostile = [*HOSTILE, *(() if field.startswith("spec.service") else ("a.b", "*.*"))]
    for glob in hostile:
        assert refusals(glob) == {f"{field}[0]"}, glob
        assert parse({"spec": MINIMAL | of([glob])}).problem is not None, glob
    for glob in ("*" * longest, "*a" * (longest // 2), "a" * longest, "*" * (longest - 1) + "a"):
        assert not refusals(glob)
        assert refusals(f"{glob}aa"), glob
        assert refusals(f"*{glob}*"), glob
    assert not refusals(*(f"{n}*" for n in range(64)))
    assert refusals(*(f"{n}*" for n in range(65)))
    assert refusals("*", "*")


@pytest.mark.parametrize("text", [f"a{each}.example.com" for each in "?#@[ {}|^`\\\n\x00*é\u202e"])
def test_hostile_registries_are_refused_or_understood_by_nobody(objects, text):
    """They are patterns of kubelet's, and no expression of the API server is made of them."""
    found = objects.refusals({**MINIMAL, "registries": [text]})
    assert bool(refusal(text)) is (text != "a*.example.com")
    assert found <= {("spec.registries[0]", refusal(text))}


def test_what_the_core_alone_refuses(objects):
    assert objects.refusals({**MINIMAL, "registries": REFUSED_BY_CORE}) == set()


def test_defaults_are_those_of_the_core(created):
    spec = created(MINIMAL)["spec"]
    assert spec["namespaces"] == {
        "include": ["*"],
        "exclude": [],
        "matchLabels": {},
        "matchExpressions": [],
    }
    assert (spec["serviceAccounts"], spec["attach"]) == ({"include": ["default"]}, "ServiceAccount")
    assert spec["rescue"] == "Off"
    assert parse({"spec": spec}).spec == parse({"spec": MINIMAL}).spec


def test_a_later_versions_source_is_no_source(objects):
    status, answer = objects.create({**MINIMAL, "source": {"nexus": {}}}, dry_run=True)
    assert (status, "spec.source.nexus" in answer["message"]) == (400, True)


def test_the_largest_object_is_within_the_budget_of_its_rules(objects):
    label = "a" * 63
    spec = {
        "registries": [f"{i:02}.{'a' * 60}.example.com/{'b/' * 200}" for i in range(64)],
        "source": {"dockerConfig": {"secretRef": {"name": "a" * 253, "key": "k" * 253}}},
        "namespaces": {
            "include": [f"{i:02}" + "*a" * 30 for i in range(64)],
            "exclude": [f"{i:02}" + "a*" * 30 for i in range(64)],
            "matchLabels": {f"{label[:-2]}{i:02}": label for i in range(16)},
            "matchExpressions": [
                {
                    "key": f"k{i}",
                    "operator": "In",
                    "values": [f"{label[:-2]}{j:02}" for j in range(64)],
                }
                for i in range(16)
            ],
        },
        "serviceAccounts": {"include": [f"{i:02}" + ".a*" * 83 for i in range(64)]},
    }
    assert objects.refusals(spec) == set()


def test_the_status_fits_and_is_shown(objects, cluster, created):
    obj = created(MINIMAL)
    name = obj["metadata"]["name"]
    failures = [Failure(f"team-{i}", "SecretNotOurs", "it is somebody else's") for i in range(12)]
    given = gives("ghcr.io", expires=EPOCH)
    obj["status"] = build(parse(obj), Tally(20, 8, failures), given, (), {}, EPOCH, refresh=EPOCH)
    status, written = objects.request("PUT", f"{API}/{name}/status?fieldValidation=Strict", obj)
    assert status == 200, written
    assert written["status"] == obj["status"]
    assert written["metadata"]["generation"] == obj["metadata"]["generation"]
    shown = cluster.kubectl("get", "pcred", name).stdout.decode().splitlines()
    assert shown[0].split() == ["NAME", "READY", "NAMESPACES", "EXPIRES", "AGE"]
    assert shown[1].split()[:4] == [name, "False", "8/20", "2026-01-01T00:00:00Z"]
    listed = cluster.kubectl("get", "regcred", "-o", "wide").stdout.decode()
    assert "Expired" in listed
