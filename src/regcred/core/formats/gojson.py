r"""JSON as Go's ``encoding/json`` writes it, byte for byte.

kubectl's output, the hash of ``--append-hash`` and the docker config inside a Secret are all
made by that encoder, and ours are compared with theirs byte for byte. It differs from
Python's in three points: ``<``, ``>``, ``&``, U+2028 and U+2029 are escaped, other non-ASCII
is left raw, and a byte that is not UTF-8 becomes ``\ufffd``.

Source: https://pkg.go.dev/encoding/json#Marshal
"""

from __future__ import annotations

import json
from typing import Any

# These characters can stand inside string literals only, so replacing them in the whole
# text is safe. Lone surrogates are how Python carries bytes that are not UTF-8.
_ESCAPES = dict.fromkeys(range(0xD800, 0xE000), "\\ufffd")
_ESCAPES |= {ord(c): f"\\u{ord(c):04x}" for c in "<>&\u2028\u2029"}


def dumps(obj: Any, *, indent: int | None = None) -> str:
    """Encode `obj` (dicts, lists, strings, numbers, booleans, None); key order is kept.

    Args:
        obj: what to encode. Go sorts the keys of its maps: sort yours where Go has a map.
        indent: spaces per level as ``json.MarshalIndent`` puts them; None for compact.
    """
    separators = (",", ":") if indent is None else (",", ": ")
    text = json.dumps(obj, ensure_ascii=False, separators=separators, indent=indent)
    return text.translate(_ESCAPES)
