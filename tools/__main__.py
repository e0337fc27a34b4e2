"""``python -m tools``: write what is made from something else (`make generated`).

Pages of the reference from click and from the CRD, and the chart's README.md from values.yaml; by
the chart, as Helm renders it, the manifests in ``deploy/`` and the page on rights. Tests say when
they are not current.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from cluster import Progress
from cluster.binaries import ensure_programs
from tools import cliref, crdref, rightsref
from tools.chartreadme import readme
from tools.plainyaml import CHART, DEPLOY, MODES, plain

if TYPE_CHECKING:
    from pathlib import Path


def main() -> int:
    """Write them; the exit code."""
    _write(cliref.PAGE, cliref.page())
    _write(crdref.PAGE, crdref.page())
    _write(CHART / "README.md", readme(CHART))
    helm = ensure_programs(("helm",), Progress())["helm"]  # built, where there is none yet
    _write(rightsref.PAGE, rightsref.page(helm))
    for file, mode in MODES.items():
        _write(DEPLOY / file, plain(helm, mode))
    return 0


def _write(path: Path, content: str) -> None:
    if not path.exists() or path.read_text() != content:
        path.write_text(content)
        print(f"written: {path}", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
