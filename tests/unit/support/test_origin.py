"""What is tested is what was meant: the tree, or with ``make test-wheel`` the wheel."""

import os
import subprocess
import sys
from importlib.metadata import distribution

from cluster.paths import CHECKOUT
from tests.support import forking
from tests.support.origin import package_folder, wanted_folder

MODULE = "tests.support.origin"


def test_regcred_here():
    assert package_folder() == wanted_folder()


def test_regcred_of_programs_that_are_started():
    command = [sys.executable, "-m", MODULE]
    said = subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, check=True)
    assert said.stdout.strip() == str(wanted_folder())


def test_regcred_of_programs_that_are_forked():
    said = forking.run(MODULE, (), stdin=b"", env=os.environ, cwd=None, timeout=60)
    assert said.stdout.decode().strip() == str(wanted_folder()), said.stderr


def test_nothing_points_from_the_wheel_back_to_the_tree():
    written = distribution("regcred").files
    assert written is not None
    if os.environ.get("REGCRED_TESTED") == "wheel":
        assert [each for each in written if each.name in ("_regcred.pth", "regcred.pth")] == []
        assert {"py.typed", "main.py"} <= {each.name for each in written}
