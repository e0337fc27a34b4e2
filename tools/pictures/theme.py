"""Colours and fonts of the pictures, for light and for dark.

A tone says what something means and is the same in all pictures: `plain` is what there is anyway
(`inner` in it), `ours` is where regcred acts or decides, `good` is what works, `bad` what does
not, `other` is a way without regcred, or what is no more. A picture lies on a sheet of its own, so
that it can be read on whatever is behind it, also where a viewer does not tell an image which
scheme the page has.
"""

from __future__ import annotations

TONES = ("plain", "inner", "ours", "good", "bad", "other")

# Of each tone the fill and the stroke.
Scheme = dict[str, str | tuple[str, str]]
LIGHT: Scheme = {
    "sheet": "#ffffff",
    "ink": "#1f2328",
    "soft": "#59636e",
    "line": "#8c959f",
    "grid": "#dfe4e9",
    "plain": ("#f3f5f7", "#aeb7c0"),
    "inner": ("#ffffff", "#cfd6dd"),
    "ours": ("#ddf0ff", "#0969da"),
    "good": ("#dcf6e3", "#1a7f37"),
    "bad": ("#ffe7e4", "#cf222e"),
    "other": ("#ffffff", "#8c959f"),
}
DARK: Scheme = {
    "sheet": "#0d1117",
    "ink": "#e6edf3",
    "soft": "#9da7b1",
    "line": "#768390",
    "grid": "#262c34",
    "plain": ("#1a212a", "#48515b"),
    "inner": ("#0d1117", "#363e48"),
    "ours": ("#10294a", "#4493f8"),
    "good": ("#10301c", "#3fb950"),
    "bad": ("#3a181a", "#f85149"),
    "other": ("#0d1117", "#768390"),
}

SANS = 'system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif'
MONO = 'ui-monospace,SFMono-Regular,Menlo,Consolas,"Liberation Mono",monospace'

#: Size in pixels and weight of each kind of text.
TEXTS = {
    "name": (14, 600),
    "word": (13, 400),
    "note": (12, 400),
    "code": (12, 400),
    "head": (15, 600),
    "step": (11, 600),
}


def css() -> str:
    """The style sheet of a picture."""
    fonts = [
        f".{kind}{{font:{weight} {size}px {MONO if kind == 'code' else SANS}}}"
        for kind, (size, weight) in TEXTS.items()
    ]
    shapes = [".other{stroke-dasharray:4 3}", ".arrow,.guide{fill:none}", "text{stroke:none}"]
    dark = "".join(_colours(DARK))
    return "\n".join(
        [*fonts, *shapes, *_colours(LIGHT), f"@media (prefers-color-scheme:dark){{{dark}}}"]
    )


def _colours(scheme: Scheme) -> list[str]:
    tones = [f".{tone}{{fill:{scheme[tone][0]};stroke:{scheme[tone][1]}}}" for tone in TONES]
    return [
        f".sheet{{fill:{scheme['sheet']};stroke:{scheme['grid']}}}",
        f".cover{{fill:{scheme['sheet']}}}",
        f"text{{fill:{scheme['ink']}}}.soft{{fill:{scheme['soft']}}}",
        f".arrow{{stroke:{scheme['line']}}}.tip{{fill:{scheme['line']}}}",
        f".guide{{stroke:{scheme['grid']}}}",
        *tones,
    ]
