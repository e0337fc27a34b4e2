"""What mkdocs is told beyond mkdocs.yml: globs in the nav, and links that leave docs/.

Pages are read on a forge as well, where a link to ``../CHANGELOG.md`` or to a file of the chart
simply works. On the site such a page becomes one of the site's, any other file a copy to look at.
So every link is followed at the time of the build, and a dead one is a warning, which `make docs`
makes an error.

mkdocs loads this file by its path (https://www.mkdocs.org/user-guide/configuration/#hooks).
"""

from __future__ import annotations

import logging
import posixpath
import re
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from markdown.extensions import Extension
from markdown.treeprocessors import Treeprocessor
from markdown.util import AtomicString
from mkdocs.structure.files import File

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

    from markdown import Markdown
    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.files import Files
    from mkdocs.structure.pages import Page

CHECKOUT = Path(__file__).parents[1]
#: Pages that lie elsewhere: path in the checkout -> in the site.
PAGES = {
    "README.md": "project/overview.md",
    "CHANGELOG.md": "CHANGELOG.md",
    "CONTRIBUTING.md": "CONTRIBUTING.md",
    "charts/regcred/README.md": "reference/chart.md",
}

_LOG = logging.getLogger("mkdocs.hooks.site")
#: Python-Markdown wants what is inside a list indented by four columns, and a list after an empty
#: line; CommonMark, so the forges, take these as well as others.
_SHALLOW = re.compile(r"^ {1,3}(?:```|[-*] |\d+\. )")
_FENCE = re.compile(r"^ *(```|~~~)")
_ITEM = re.compile(r"(?:[-*]|\d+\.) ")


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Have links looked at."""
    config.markdown_extensions.append(_Links(config))
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages that lie elsewhere, and the nav's globs."""
    for path, uri in PAGES.items():
        files.append(File.generated(config, uri, abs_src_path=str(CHECKOUT / path)))
    pages = sorted(file.src_uri for file in files.documentation_pages())
    config.nav = _expanded(config.nav, pages, {*_named(config.nav)})
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Tell the links' extension where it is, and look for lists that would not become lists."""
    links = next(each for each in config.markdown_extensions if isinstance(each, _Links))
    links.page, links.files = page, files
    fenced, before = "", ""
    for number, line in enumerate(markdown.splitlines(), 1):
        fence = _FENCE.match(line)
        if not fenced and (_SHALLOW.match(line) or _unparted(before, line)):
            _LOG.warning("%s, line %d of the text: %s", page.file.src_uri, number, _HOW)
        if fence:
            fenced = "" if fence[1] == fenced else fenced or fence[1]
        before = line
    return markdown


_HOW = "what is inside a list has to be indented by four blanks, and a list follows an empty line"


def _unparted(before: str, line: str) -> bool:
    """Whether a list begins right behind a paragraph."""
    return bool(_ITEM.match(line) and before[:1].strip() and not _ITEM.match(before))


def _named(nav: object) -> list[str]:
    """The pages that a nav names without a glob."""
    if isinstance(nav, str):
        return [] if "*" in nav else [nav]
    inner = nav.values() if isinstance(nav, dict) else nav if isinstance(nav, list) else ()
    return [name for each in inner for name in _named(each)]


def _expanded(nav: object, pages: list[str], named: set[str]) -> list[object]:
    """A nav with the pages of each glob that are not `named`, without what came out empty."""
    result: list[object] = []
    for each in nav if isinstance(nav, list) else [nav]:
        if isinstance(each, str) and "*" in each:
            found = [page for page in pages if fnmatchcase(page, each) and page not in named]
            result += found
            named |= {*found}
        elif isinstance(each, dict):
            for title, inner in each.items():
                if isinstance(inner, str):
                    result.append(each)
                elif within := _expanded(inner, pages, named):
                    result.append({title: within})
        else:
            result.append(each)
    return result


class _Links(Extension):  # type: ignore[misc]
    """Rewrites the links of a page that leave docs/, before mkdocs checks them.

    And the ``|`` that a table has as code, in front of which the forges' tables want a backslash
    that Python-Markdown shows.
    """

    def __init__(self, config: MkDocsConfig) -> None:
        super().__init__()
        self.config = config
        self.page: Page | None = None
        self.files: Files | None = None

    def extendMarkdown(self, md: Markdown) -> None:  # noqa: N802 - Python-Markdown's name
        """Before mkdocs's own, which has priority 0."""
        md.treeprocessors.register(_Rewriter(self, md), "links-out-of-docs", 1)


class _Rewriter(Treeprocessor):  # type: ignore[misc]
    def __init__(self, links: _Links, md: Markdown) -> None:
        super().__init__(md)
        self.links = links

    def run(self, root: Element) -> None:
        for cell in (*root.iter("td"), *root.iter("th")):
            for code in cell.iter("code"):
                code.text = AtomicString((code.text or "").replace("\\|", "|"))
        for element in root.iter():
            for name in ("href", "src"):
                if (target := element.get(name)) and not target.startswith("#"):
                    element.set(name, self._rewritten(target))

    def _rewritten(self, target: str) -> str:
        page, files = self.links.page, self.links.files
        parts = urlsplit(target)
        if page is None or files is None or parts.scheme or parts.netloc or not parts.path:
            return target
        origin = _origin(page.file.src_uri)
        path = posixpath.normpath(posixpath.join(posixpath.dirname(origin), parts.path))
        if (CHECKOUT / path).is_dir() and (CHECKOUT / path / "README.md").exists():
            path += "/README.md"
        if (uri := self._in_site(path, files)) is None:
            return target
        relative = posixpath.relpath(uri, posixpath.dirname(page.file.src_uri) or ".")
        return f"{relative}#{parts.fragment}" if parts.fragment else relative

    def _in_site(self, path: str, files: Files) -> str | None:
        """Where a file of the checkout is in the site; None for what is none."""
        if path in PAGES:
            return PAGES[path]
        if path.startswith("docs/"):
            return path.removeprefix("docs/")
        if path.startswith("..") or not (CHECKOUT / path).is_file():
            return None
        uri = f"files/{path}.txt"  # with a name that browsers show
        if files.get_file_from_path(uri) is None:
            source = str(CHECKOUT / path)
            files.append(File.generated(self.links.config, uri, abs_src_path=source))
        return uri


def _origin(uri: str) -> str:
    """Where a page of the site lies in the checkout."""
    elsewhere = {site: path for path, site in PAGES.items()}
    return elsewhere.get(uri, f"docs/{uri}")
