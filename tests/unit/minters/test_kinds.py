"""The table of minters, and what each module has."""

import inspect

import pytest

from regcred import minters
from regcred.core.operator.sourcekinds import MINTED_KINDS


def test_every_kind_has_a_module():
    assert tuple(minters.MODULES) == MINTED_KINDS


@pytest.mark.parametrize("kind", MINTED_KINDS)
def test_it_can_be_loaded(kind):
    minter = minters.load(kind)
    assert list(inspect.signature(minter.mint).parameters) == ["settings", "desk"]
    assert inspect.iscoroutinefunction(minter.mint)
    if (revoker := minters.revoker(minter)) is not None:
        assert list(inspect.signature(revoker.revoke).parameters) == [
            *("settings", "desk", "keep", "newer")
        ]


def test_who_can_take_back():
    """docs/reference/sources.md says so."""
    assert {kind for kind in MINTED_KINDS if minters.revoker(minters.load(kind))} == {
        "gitlab",
        "harbor",
    }
