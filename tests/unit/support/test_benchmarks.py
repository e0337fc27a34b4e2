"""What the benchmarks say about the interpreter that they measure."""

import pytest

from tests.benchmarks.installation import pgo

USE = {"PGO_PROF_USE_FLAG": "-fprofile-use -fprofile-correction"}


@pytest.mark.parametrize(
    ("build", "said"),
    [
        ({"CONFIG_ARGS": "'--enable-optimizations' '--with-lto'", **USE}, "with PGO"),
        ({"CONFIG_ARGS": "'--prefix=/usr'", "PY_CORE_CFLAGS": "-O3", **USE}, "without PGO"),
        ({"PY_CORE_CFLAGS": "-O2 -fprofile-use -fprofile-correction"}, "with PGO"),
        ({"CONFIGURE_CFLAGS_NODIST": "-fprofile-instr-use=code.profclangd"}, "with PGO"),
        # Debian: the rules of its package, and not configure's arguments, turn it on.
        (
            {"CONFIG_ARGS": "'--enable-shared' '--prefix=/usr'", "PGO_PROF_USE_FLAG": ""},
            "with or without PGO: its build settings do not say",
        ),
        ({"CONFIG_ARGS": None}, "with or without PGO: its build settings do not say"),
    ],
)
def test_pgo(build, said):
    assert pgo(build) == said
