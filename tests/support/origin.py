"""Which regcred the tests are about: the tree's, or with ``REGCRED_TESTED=wheel`` a wheel's.

``python -m tests.support.origin`` prints where the package is.
"""

from __future__ import annotations

import os
import sysconfig
from pathlib import Path

import regcred
from cluster.paths import CHECKOUT


def package_folder() -> Path:
    """The folder that ``import regcred`` found."""
    return Path(regcred.__file__).resolve().parent


def wanted_folder() -> Path:
    """The one that this run is about."""
    if os.environ.get("REGCRED_TESTED") == "wheel":
        return Path(sysconfig.get_path("purelib")).resolve() / "regcred"
    return CHECKOUT / "src" / "regcred"


if __name__ == "__main__":
    print(package_folder())  # noqa: T201 - what it is for
