"""The wheel and the sdist of the files that git knows: ``python -m tools.dist FOLDER``.

hatchling takes what it finds in a folder, if git does not ignore it: a key that somebody has put
there would be published. So it builds in a folder that has nothing else.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from cluster.paths import CHECKOUT


def tracked(root: Path = CHECKOUT) -> list[str]:
    """The files of a checkout that git knows and that are there.

    Raises:
        CalledProcessError: it is no checkout.
    """
    listing = ["git", "ls-files", "-z", "--cached"]
    done = subprocess.run(listing, cwd=root, stdout=subprocess.PIPE, text=True, check=True)
    return [name for name in done.stdout.split("\0")[:-1] if (root / name).exists()]


def build(folder: Path, root: Path = CHECKOUT) -> None:
    """Build both.

    Args:
        folder: where to.
        root: the checkout.

    Raises:
        CalledProcessError: it is no checkout, or uv fails, and has said why.
    """
    with tempfile.TemporaryDirectory(prefix="regcred-dist-") as place:
        for name in tracked(root):
            copy = Path(place, name)
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(root / name, copy)
        uv = os.environ.get("UV", "uv")  # `uv run` names itself: it need not be on PATH
        out = f"--out-dir={folder.resolve()}"
        subprocess.run([uv, "build", "--quiet", "--no-progress", place, out], check=True)


if __name__ == "__main__":
    build(Path(sys.argv[1]))
