"""What kubelet shows of failed pulls, read: the texts are in pulltexts.toml, with their sources."""

import tomllib
from pathlib import Path

import pytest

from regcred.core.pods.pulltext import parse
from regcred.core.problem import Reason

TEXTS = tomllib.loads(Path(__file__).with_name("pulltexts.toml").read_text(encoding="utf-8"))


@pytest.mark.parametrize("entry", TEXTS["text"], ids=lambda e: f"{e['reason']}: {e['text'][:60]}")
def test_a_text_is_read(entry):
    said = parse(entry["text"])
    assert (said.reason, said.status, said.host, said.network) == (
        entry["reason"],
        entry.get("status", 0),
        entry.get("host", ""),
        entry.get("network"),
    )
    assert said.text == entry.get("shown", said.text)
    assert said.text.isprintable()
    assert parse(said.text).reason in (said.reason, Reason.UNKNOWN)


def test_every_text_is_there_once_and_has_a_source():
    texts = [entry["text"] for entry in TEXTS["text"]]
    assert len(set(texts)) == len(texts) >= 60
    assert all(entry["source"] for entry in TEXTS["text"])
