"""The chart's README: its table of values is made from values.yaml, and is that of today."""

import pytest

from tools.chartreadme import readme, table
from tools.plainyaml import CHART

VALUES = """\
# What this file is about.

# One.
a: 1
b:
  # Of two
  # lines.
  c: {d: x}
  # A list.
  e: []
# All of it.
f:
  g: [h]
  i: null
"""


def test_is_current():
    assert (CHART / "README.md").read_text() == readme(CHART), "make generated"


def test_table():
    assert table(VALUES).splitlines()[2:] == [
        "| `a` | `1` | One. |",
        '| `b.c` | `{"d": "x"}` | Of two lines. |',
        "| `b.e` | `[]` | A list. |",
        '| `f` | `{"g": ["h"], "i": null}` | All of it. |',
    ]


@pytest.mark.parametrize("values", ["a: 1\n", "a:\n  # One.\n  b: 1\n  c: 2\n"])
def test_value_that_nobody_described(values):
    with pytest.raises(ValueError, match="has no comment"):
        table(values)


def test_not_values():
    with pytest.raises(ValueError, match="not a mapping"):
        table("- a\n")


def test_readme_without_a_place(tmp_path):
    (tmp_path / "README.md").write_text("# x\n")
    with pytest.raises(ValueError, match="no place"):
        readme(tmp_path)
