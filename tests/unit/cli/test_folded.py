"""Where names break in a column that is too narrow for them."""

import pytest

from regcred.cli.folded import fold


@pytest.mark.parametrize(
    ("text", "width", "lines"),
    [
        ("", 5, [""]),
        ("gcr.io", 6, ["gcr.io"]),
        ("index.docker.io", 12, ["index.docker", ".io"]),
        ("127.0.0.1:28631", 12, ["127.0.0.1:", "28631"]),
        ("https://gcr.io/team", 9, ["https://", "gcr.io/", "team"]),
        ("old (missing)", 10, ["old", "(missing)"]),
        ("login (missing)", 15, ["login (missing)"]),
        ("abcdefgh.io", 5, ["abcde", "fgh", ".io"]),
        ("\u767b\u9332", 3, ["\u767b", "\u9332"]),
    ],
)
def test_fold(text, width, lines):
    assert fold(text, width) == lines
