import base64
import itertools
import json
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given as examples
from hypothesis import strategies as st

from regcred.core import marks
from regcred.core.logins.dockerconfig import parse_dockerconfigjson
from regcred.core.logins.secret import MAX_BYTES
from regcred.core.operator.merging import MAX_OWNERS, Merged, content_hash, merge
from regcred.core.operator.source import Fragment
from tests.support.operating import given, login, pullcredential

EARLY, LATE = datetime(2026, 1, 1, 1, tzinfo=UTC), datetime(2026, 1, 2, tzinfo=UTC)
registries = st.sets(st.sampled_from(["ghcr.io", "quay.io", "*.pkg.dev/p", "a:5000"]), min_size=1)


def document(merged):
    return base64.b64decode(merged.data[".dockerconfigjson"])


def test_one():
    merged = merge([(pullcredential("a"), given("quay.io", "ghcr.io"))])
    entry = '{"username":"puller","password":"hunter2","auth":"cHVsbGVyOmh1bnRlcjI="}'
    assert document(merged) == f'{{"auths":{{"ghcr.io":{entry},"quay.io":{entry}}}}}'.encode()
    assert merged.noted_owners == "a=ghcr.io,a=quay.io"
    assert (merged.losses, merged.expires, merged.noted_expiry) == ((), None, "")


def test_none():
    assert merge([]) == Merged(hash=content_hash({}))


def test_the_older_wins_whole_and_the_other_is_told():
    older, younger = pullcredential("z", age=2), pullcredential("a", age=1)
    fragments = given("ghcr.io", "quay.io"), given("https://ghcr.io", "docker.io", password="x")
    merged = merge([(younger, fragments[1]), (older, fragments[0])])
    auths = json.loads(document(merged))["auths"]
    assert {key: entry["password"] for key, entry in auths.items()} == {
        "ghcr.io": "hunter2",
        "quay.io": "hunter2",
        "docker.io": "x",
    }
    (loss,) = merged.losses
    assert (loss.pullcredential, loss.reason) == ("a", "Conflict")
    assert loss.message == "https://ghcr.io: PullCredential z is older and claims it too"


def test_of_the_same_age_the_name_decides():
    pair = [(pullcredential(name), given("ghcr.io")) for name in "ba"]
    assert merge(pair).noted_owners == "a=ghcr.io"


def test_the_first_expiry_of_those_that_are_in_it():
    offers = [
        (pullcredential("a", age=3), given("ghcr.io", expires=LATE)),
        (pullcredential("b", age=2), given("quay.io", expires=EARLY)),
        (pullcredential("c", age=1), given("quay.io", expires=datetime(2025, 1, 1, tzinfo=UTC))),
    ]
    merged = merge(offers)
    assert (merged.expires, merged.noted_expiry) == (EARLY, "2026-01-01T01:00:00Z")


def big(count, size):
    logins = [login(f"r{i}.example.com", "x" * size) for i in range(count)]
    return Fragment({each.registry: each for each in logins})


def test_what_does_not_fit_is_left_out_and_harms_nobody():
    offers = [
        (pullcredential("small", age=3), given("ghcr.io")),
        (pullcredential("huge", age=2), big(20, 30_000)),
        (pullcredential("young", age=1), given("quay.io")),
    ]
    merged = merge(offers)
    assert merged.noted_owners == "small=ghcr.io,young=quay.io"
    assert [(loss.pullcredential, loss.reason) for loss in merged.losses] == [
        ("huge", "SecretTooLarge")
    ]
    assert merged.too_large == {"huge"}


def test_too_many_for_the_annotation():
    many = big(MAX_OWNERS // 20, 1)
    merged = merge([(pullcredential("many"), many)])
    assert merged.too_large == {"many"}
    assert merged.data == {}


@pytest.mark.parametrize(("spare", "fits"), [(0, True), (-1, False)])
def test_a_secret_is_filled_to_the_last_byte(spare, fits):
    one = merge([(pullcredential(), given("ghcr.io"))])
    name = "r" * (MAX_BYTES - len(document(one)) - spare) + "ghcr.io"
    merged = merge([(pullcredential(), Fragment({"x": replace(login("ghcr.io"), registry=name)}))])
    assert bool(merged.data) is fits
    assert not fits or len(document(merged)) == MAX_BYTES


@examples(st.dictionaries(st.sampled_from("abc"), registries, min_size=1))
def test_the_order_does_not_matter_and_kubelet_can_use_it(claims):
    offers = [
        (pullcredential(name, age=len(name)), given(*sorted(keys), password=name))
        for name, keys in claims.items()
    ]
    results = [merge(order) for order in itertools.permutations(offers)]
    assert len({(each.hash, each.noted_owners, each.losses) for each in results}) == 1
    config = parse_dockerconfigjson(document(results[0]), source="a test")
    config.require_usable("a test")
    assert set(config) == set().union(*claims.values())
    owners = marks.read_owners({"metadata": {"annotations": {
        marks.PULLCREDENTIALS: results[0].noted_owners}}})  # fmt: skip
    assert {key: entry.password.reveal() for key, entry in config.items()} == owners


def test_the_hash_tells_data_apart():
    data = [{}, {"a": ""}, {"a": "b"}, {"ab": ""}, {"a": "b", "c": ""}, {"a": "b\nc\t"}]
    assert len({content_hash(each) for each in data[:-1]}) == len(data) - 1


def test_passwords_do_not_show():
    merged = merge([(pullcredential(), given("ghcr.io"))])
    assert "hunter2" not in repr(merged)
    assert base64.b64encode(document(merged)).decode() not in repr(merged)
