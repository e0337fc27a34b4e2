import json
from datetime import UTC, datetime

import pytest

from regcred.core import marks
from regcred.core.errors import InvalidInput
from regcred.core.logins import secret


def test_keys_come_in_the_order_of_kubectl():
    built = secret.build("a", {".dockerconfigjson": b"{}"}, namespace="n")
    assert list(built) == ["kind", "apiVersion", "metadata", "data", "type"]
    assert built["metadata"] == {"name": "a", "namespace": "n"}
    assert built["data"] == {".dockerconfigjson": "e30="}


def test_the_namespace_stands_there_only_when_asked_for():
    assert secret.build("a", {}, namespace="")["metadata"] == {"name": "a"}


def test_data_are_sorted():
    assert list(secret.build("a", {"z": b"", "b": b""})["data"]) == ["b", "z"]


def test_content_is_decoded():
    built = secret.build("a", {".dockerconfigjson": b"{}"})
    assert secret.content(built) == b"{}"
    assert secret.content(built, ".dockercfg") is None
    assert secret.content({}) is None


def test_what_no_secret_can_hold_is_refused():
    assert secret.build("a", {"k": b"x" * secret.MAX_BYTES})
    with pytest.raises(InvalidInput, match="1,048,577 bytes"):
        secret.build("a", {"k": b"x" * (secret.MAX_BYTES + 1)})


def test_the_hash_leaves_the_rest_as_it_is():
    built = secret.build("a", {".dockerconfigjson": b"{}"}, namespace="n")
    hashed = secret.with_hash(built)
    name, _, suffix = hashed["metadata"].pop("name").rpartition("-")
    assert name == built["metadata"].pop("name")
    assert len(suffix) == 10
    assert not set(suffix) & set("013ae")
    assert hashed == built


def test_last_applied_is_the_object_itself():
    built = secret.build("a", {".dockerconfigjson": b"{}"})
    applied = secret.with_last_applied(built)["metadata"]["annotations"][secret.LAST_APPLIED]
    assert applied.endswith("\n")
    assert json.loads(applied) == built


def test_when_it_ends_stays_beside_what_was_applied():
    moment = datetime(2026, 1, 1, tzinfo=UTC)
    built = secret.with_expiry(secret.build("a", {".dockerconfigjson": b"{}"}), moment)
    annotations = secret.with_last_applied(built)["metadata"]["annotations"]
    assert json.loads(annotations.pop(secret.LAST_APPLIED)) == built
    assert annotations == {marks.EXPIRES_AT: "2026-01-01T00:00:00Z"}


def test_when_it_ends_is_an_annotation():
    built = secret.build("a", {".dockerconfigjson": b"{}"}, namespace="n")
    ends = secret.with_expiry(built, datetime(2026, 1, 1, tzinfo=UTC))
    assert ends["metadata"]["annotations"] == {marks.EXPIRES_AT: "2026-01-01T00:00:00Z"}
    assert "annotations" not in built["metadata"]
