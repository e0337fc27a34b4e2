"""``python -m tools``: write the files that are made from the Helm chart (`make chart`).

``charts/regcred/README.md`` from values.yaml, the manifests in ``deploy/`` from the chart itself as
Helm renders it with its defaults. Tests say when they are not current.
"""

from __future__ import annotations

import sys

from cluster import Progress
from cluster.binaries import ensure_programs
from tools.chartreadme import readme
from tools.plainyaml import CHART, DEPLOY, MODES, plain


def main() -> int:
    """Write them; the exit code."""
    helm = ensure_programs(("helm",), Progress())["helm"]
    for path, content in (
        (CHART / "README.md", readme(CHART)),
        *((DEPLOY / file, plain(helm, mode)) for file, mode in MODES.items()),
    ):
        if not path.exists() or path.read_text() != content:
            path.write_text(content)
            print(f"written: {path}", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
