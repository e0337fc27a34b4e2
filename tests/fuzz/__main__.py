"""``make fuzz ARGS='TARGET …'``: a target, guided by what the code does with each input.

What follows the target's name is libFuzzer's (https://llvm.org/docs/LibFuzzer.html#options):
``-max_total_time=60``, ``-runs=100000``, a file to run again. New inputs are kept in
``.fuzz/TARGET``, and what fails in ``.fuzz/TARGET-crash-…``; neither is for the repository: what
was found becomes a test.
"""

from __future__ import annotations

import sys
from contextlib import suppress
from pathlib import Path

from tests.fuzz.target import SEEDS, Refused

KEPT = Path(".fuzz")


def main() -> None:
    """Run one target."""
    names = sorted(path.name for path in SEEDS.iterdir())
    name = sys.argv[1] if len(sys.argv) > 1 else ""
    if name not in names:
        sys.exit(f"which one? {', '.join(names)}")
    import atheris

    with atheris.instrument_imports(include=["regcred"]):
        from tests.fuzz.all import TARGETS
    target = TARGETS[name]

    def run(data: bytes) -> None:
        with suppress(Refused):
            target.check(data)

    kept = KEPT / name
    kept.mkdir(parents=True, exist_ok=True)
    words = kept.with_suffix(".dict")
    words.write_text("".join(f'"{_escaped(word)}"\n' for word in target.words))
    options = [
        f"-dict={words}",
        f"-artifact_prefix={kept}-",
        "-max_len=8192",
        "-timeout=60",
        *sys.argv[2:],
    ]
    files = [each for each in sys.argv[2:] if not each.startswith("-")]
    folders = [] if files else [str(kept), str(SEEDS / name)]
    atheris.Setup([sys.argv[0], *options, *folders], run)
    atheris.Fuzz()


def _escaped(word: str) -> str:
    return "".join(f"\\x{byte:02x}" for byte in word.encode())


if __name__ == "__main__":
    main()
