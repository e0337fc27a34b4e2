"""What kubectl reads before and after ``inject``; PyYAML's readings are in the unit tests."""

import json

import pytest
from hypothesis import HealthCheck, given, reject, settings
from hypothesis import strategies as st

from regcred.core.errors import InvalidManifest
from regcred.core.manifests.inject import Injector, Request
from tests.support.injectproperties import documents_of
from tests.support.jsonstyles import json_stream
from tests.support.manifestsamples import NAMES, documents, expand
from tests.support.plaininject import plain_inject
from tests.support.samplenodes import Drawn
from tests.support.yamlreading import read
from tests.support.yamlstyles import Writer

MERGED = """\
apiVersion: v1
kind: Pod
metadata: {name: a}
base: &base {imagePullSecrets: [{name: base}]}
spec: {%s}
"""


@pytest.fixture
def objects(kubectl):
    """The objects that kubectl reads from a text, those in lists one by one; None for an error."""

    def run(text):
        patch = ("--local", "--type=merge", "--patch={}", "--output=json", "--filename=-")
        done = kubectl("patch", *patch, stdin=text.encode(), check=False)
        values, rest = [], done.stdout.decode().strip()
        while rest:
            value, end = json.JSONDecoder().raw_decode(rest)
            values.append(value)
            rest = rest[end:].lstrip()
        return None if done.returncode else values

    return run


@st.composite
def texts(draw):
    choose = Drawn(draw)
    samples = documents(choose)
    if choose.one_in(5):
        return json_stream(choose, [expand(sample) for sample in samples if sample is not None])
    return Writer(choose).stream(samples)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(texts(), st.lists(st.sampled_from(NAMES), min_size=1, max_size=3))
def test_kubectl_sees_the_entries_and_no_other_change(objects, text, secrets):
    injector = Injector(Request(tuple(secrets), serviceaccounts=True))
    try:
        output = "".join(injector.inject(document).text for document in documents_of(text))
    except InvalidManifest:
        reject()
    if any(map(is_a_list_by_its_items_alone, read(text))):
        reject()
    before = objects(text)
    after = objects(output)
    if before is None:  # some of what libyaml reads, kubectl does not
        assert after is None
    else:
        assert after == plain_inject([before], tuple(secrets), accounts=True)[0]


@pytest.mark.parametrize(
    ("spec", "names"),
    [
        ("<<: *base, imagePullSecrets: [{name: own}]", ["own"]),
        ("imagePullSecrets: [{name: own}], <<: *base", ["base"]),
        ("!!merge '<<': *base", ["base"]),
        ("! '<<': *base", ["base"]),
        ("'<<': *base", []),
        ("<<: [{imagePullSecrets: [{name: first}]}, *base]", ["first"]),
    ],
)
def test_a_merge_key_overrules_what_stands_before_it(objects, spec, names):
    """Most readers of YAML differ; hence lists are put behind merge keys, and some are refused."""
    (pod,) = objects(MERGED % spec)
    assert [entry["name"] for entry in pod["spec"].get("imagePullSecrets", [])] == names


def is_a_list_by_its_items_alone(value):
    """Whether kubectl takes an object in `value` for a list, and nobody would say so."""
    if isinstance(value, dict):
        kind = value.get("kind")
        if "items" in value and not (isinstance(kind, str) and kind.endswith("List")):
            return True
        value = list(value.values())
    return isinstance(value, list) and any(map(is_a_list_by_its_items_alone, value))
