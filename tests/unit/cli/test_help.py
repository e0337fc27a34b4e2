"""What ``--help`` shows fits on a terminal of 80 columns."""

import pytest
from click.testing import CliRunner

from regcred.cli.krm import krm
from regcred.cli.main import VERBS, cli
from regcred.cli.postrenderer import post_renderer


@pytest.mark.parametrize(
    ("command", "arguments"),
    [(cli, []), *((cli, [verb]) for verb in VERBS), (krm, []), (post_renderer, [])],
)
def test_help_fits_80_columns(command, arguments):
    done = CliRunner().invoke(command, [*arguments, "--help"], terminal_width=80)
    assert done.exit_code == 0
    assert [line for line in done.output.splitlines() if len(line) > 80] == []
