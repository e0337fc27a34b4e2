"""``python -m tools.pictures``: draw what has changed (`make pictures`)."""

from __future__ import annotations

import sys

from tools.pictures import draw, sources


def main() -> int:
    """Write them; the exit code."""
    for source in sources():
        path, content = source.with_suffix(".svg"), draw(source)
        if not path.exists() or path.read_text() != content:
            path.write_text(content)
            print(f"written: {path}", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
