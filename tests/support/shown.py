"""What a page or a transcript shows, compared with what a run says."""

from __future__ import annotations

import re

#: What differs from run to run, or with the versions of Kubernetes and containerd.
_VARIES = (
    (r"127\.0\.0\.1:\d+", "REGISTRY"),
    (r"\bweb-[a-z0-9]+-[a-z0-9]{5}\b", "POD"),
    (r"(?<=container web is in )\w+", "REFUSED"),
    (r"(?:ImagePullBackOff|ErrImagePull)(?= 0)", "REFUSED"),
    (r"kubelet says: .*? events: .*?(?=ServiceAccount|Pod)", "kubelet says: … "),
    (r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", "MOMENT"),
    (r"\bv\d+\.\d+\.\d+\b", "VERSION"),
    (r"\b\d+(?:\.\d)? ?s\b", "SECONDS"),
)


def words(text: str) -> list[str]:
    """Without what differs, and how lines are folded and columns are wide."""
    # Progress, where there is no terminal.
    text = re.sub(r"^  \d+.* after .* min.*\n", "", text, flags=re.MULTILINE)
    text = " ".join(text.split())
    for pattern, in_place in _VARIES:
        text = re.sub(pattern, in_place, text)
    return text.split()
