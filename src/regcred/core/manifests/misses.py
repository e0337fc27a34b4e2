"""What a ``--path`` or an ``--image`` that hits nothing may have been meant for.

A path that is misspelt leaves Pods without their login as quietly as an input that has none of
them, and one that is a step too short writes the list where no Pod spec is. What counts is found
out by injecting into the document with other settings, and only while it is not known.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from regcred.core.errors import InvalidManifest
from regcred.core.manifests.inject import Injector
from regcred.core.manifests.manifestpath import KindPath, show

if TYPE_CHECKING:
    from regcred.core.formats.documents import Document
    from regcred.core.manifests.inject import Injected, Request

#: No list can have it, so that every place where one belongs shows as a change.
_NO_NAME = "?"


class Misses:
    """Looks at documents for what the settings of a request miss.

    Args:
        request: with paths and globs for images.
    """

    def __init__(self, request: Request) -> None:
        self._request = replace(
            request, secrets=(_NO_NAME,), keep=False, images=(), serviceaccounts=False
        )
        self._globs = request.images
        #: Paths that no object has.
        self.paths = list(request.paths)
        #: Paths that are a step too short, where the object has containers: the longer ones.
        self.longer: dict[KindPath, KindPath] = {}
        #: Globs that no image matches, where one starts with it: the longer ones.
        self.images: dict[str, str] = {}
        self._doubtful = list(request.paths)
        self._matched = False

    def look(self, document: Document, injected: Injected) -> None:
        """Take `document` into account, and what was made of it."""
        for path in list(self._doubtful):
            if path.kind in document.text:
                self._look_for(path, document, injected)
        self._matched = self._matched or injected.unmatched < injected.found
        if injected.unmatched and not self._matched:
            for glob in self._globs:
                if glob not in self.images:
                    self._look_below(glob, document)

    def _look_for(self, path: KindPath, document: Document, injected: Injected) -> None:
        longer = replace(path, path=(*path.path, "spec"))
        pods = self._places(document, paths=(path, longer), images=("*",))
        if _place(path) in pods:
            # It has containers: this is how the path is meant.
            self._doubtful.remove(path)
            self.longer.pop(path, None)
        elif _place(longer) in pods:
            self.longer[path] = longer
        elif path in self.paths:
            changed = {(c.object.partition("/")[0], c.path) for c in injected.changes}
            if _place(path) not in changed | self._places(document, paths=(path,)):
                return
        if path in self.paths:
            self.paths.remove(path)

    def _look_below(self, glob: str, document: Document) -> None:
        prefix = glob.rstrip("/") + "/"
        # What is written short has this in its full name only.
        if prefix in document.text or prefix.startswith("docker.io/"):
            longer = f"{prefix}*"
            if self._places(document, paths=self._request.paths, images=(longer,)):
                self.images[glob] = longer

    def _places(
        self, document: Document, *, paths: tuple[KindPath, ...], images: tuple[str, ...] = ()
    ) -> set[tuple[str, str]]:
        """Kinds (in lower case) and paths of the Pods in `document`."""
        request = replace(self._request, paths=paths, images=images)
        try:
            changes = Injector(request).inject(document).changes
        except InvalidManifest:
            # There is a place where a list cannot be changed, which one was right already.
            return {_place(path) for path in paths}
        return {(change.object.partition("/")[0], change.path) for change in changes}


def _place(path: KindPath) -> tuple[str, str]:
    return path.kind.lower(), show(path.path)
