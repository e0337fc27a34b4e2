"""Hints of ``regcred check`` about its input: they name the command that was given."""

import gzip

import pytest
from click.testing import CliRunner

from regcred.cli.check import check

URL = "https://example.com/a.yaml"
IMAGE = "registry.example.com/app:1"


@pytest.mark.parametrize(
    ("args", "verb"),
    [
        (["-f", "{}"], "check -f -"),
        ([IMAGE, "--secret-file", "{}"], "check … --secret-file -"),
        (["-f", "-", "--assume-secret", "{}"], "check … --assume-secret -"),
    ],
)
def test_what_is_no_manifest_yet_is_made_one_for_the_option_at_hand(args, verb, tmp_path):
    packed = tmp_path / "a.yaml.gz"
    packed.write_bytes(gzip.compress(b"kind: Pod"))
    for name, program in ((URL, f"curl -fsSL {URL}"), (str(packed), f"gzip -dc {packed}")):
        done = CliRunner().invoke(check, ["--no-cluster", *(each.format(name) for each in args)])
        assert done.exception.hint == f"{program} | regcred {verb}"
