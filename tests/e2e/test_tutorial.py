"""docs/tutorial.md from its first command to its last, in one shell, as a reader types it."""

import os
import re
import secrets
import shutil
import time

import pytest

from cluster.paths import CHECKOUT, Folder
from cluster.state import State
from tests.support.shown import words
from tests.support.typist import Typist, typed

pytestmark = pytest.mark.timeout(600)
PAGE = CHECKOUT / "docs" / "tutorial.md"
FOLDER = "build/tutorial"
#: Those that only look: a reader looks again until they show what the page does.
LOOKS = re.compile(r"kubectl get |regcred (?:status|check) ")
PATIENCE = 90.0


@pytest.fixture
def page_cluster(own_cache):
    """The folder of the page's cluster, which has ended at the end."""
    folder = Folder(own_cache / "clusters" / "default")
    yield folder
    if (state := State.load(folder)) and state.supervisor.runs():
        state.supervisor.end(60)


@pytest.fixture
def typist(own_cache, page_cluster, tmp_path):
    """A shell in the checkout."""
    uv = os.environ.get("UV") or shutil.which("uv")
    assert uv, "uv is not there"
    # `make setup` takes away what is not asked for, which others may be using.
    keeping = '[ "$verb" = sync ] && set -- --inexact "$@"'
    (tmp_path / "uv").write_text(
        f'#!/bin/sh\nverb=$1; shift\n{keeping}\nexec "{uv}" "$verb" "$@"\n'
    )
    (tmp_path / "uv").chmod(0o755)
    theirs = ("REGCRED_", "KUBE", "MAKE", "MFLAGS")  # `make test` is no part of the page
    clean = {k: v for k, v in os.environ.items() if not k.startswith(theirs)}
    clean |= {"REGCRED_CACHE": str(own_cache), "PATH": f"{tmp_path}:{os.environ['PATH']}"}
    with Typist(CHECKOUT, clean) as typist:
        yield typist


@pytest.fixture
def mine():
    """A folder in place of the page's, which somebody may have filled by hand; gone at the end."""
    folder = f"{FOLDER}-{secrets.token_hex(4)}"
    yield folder
    shutil.rmtree(CHECKOUT / folder, ignore_errors=True)


def test_the_page_does_what_it_says(typist, page_cluster, mine):
    steps = typed(PAGE)
    assert not any(FOLDER in step.output for step in steps)
    assert len(steps) > 40
    passwords = set()
    for step in steps:
        until = time.monotonic() + PATIENCE
        said = typist.type(step.command.replace(FOLDER, mine))
        while words(said) != words(step.output) and LOOKS.match(step.command):
            if time.monotonic() > until:
                break
            said = typist.type(step.command.replace(FOLDER, mine))
        assert words(said) == words(step.output), f"$ {step.command}\n{said}"
        if state := State.load(page_cluster):
            passwords |= {*state.registries["htpasswd"].accounts().values()}
        assert not any(password in said for password in passwords), step.command
    assert len(passwords) == 4  # puller has had two
    assert not page_cluster.root.exists()
    assert not (CHECKOUT / mine).exists()
