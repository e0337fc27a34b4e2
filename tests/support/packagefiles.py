"""Files that are published on PyPI and npm, pinned by version and sha256.

A file is found through the API of whatever index this machine is set up for, downloaded once and
checked at every use. No package is installed, and nothing in one ever runs.

Specs: https://packaging.python.org/en/latest/specifications/simple-repository-api/ and
https://github.com/npm/registry/blob/main/docs/REGISTRY-API.md
"""

from __future__ import annotations

import hashlib
import http.client
import json
import os
import re
import shutil
import ssl
import subprocess
import tempfile
import urllib.error
import urllib.request
from dataclasses import dataclass
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote, urljoin, urlsplit, urlunsplit

from cluster.paths import cache_folder
from tests.support.http import basic

if TYPE_CHECKING:
    from collections.abc import Iterator

_PYPI, _NPM = "https://pypi.org/simple", "https://registry.npmjs.org"
_TRIES = 3
_TIMEOUT = 30

_UNREACHABLE: dict[str, str] = {}
"""Registries that did not answer in this run, and how: each is waited for once."""


class UnreachableIndexError(Exception):
    """No package index answers: this machine has no network, or not this one."""


@dataclass(frozen=True)
class PackageFile:
    """One file of one release.

    Args:
        registry: ``pypi`` or ``npm``.
        package: as the registry spells it: ``kapitan``, ``@kui-shell/plugin-kubectl``.
        version: of the package.
        sha256: of the file, in hex.
    """

    registry: str
    package: str
    version: str
    sha256: str

    def __str__(self) -> str:
        return f"{self.registry}:{self.package} {self.version}"

    def read(self) -> bytes:
        """The file's content, from the cache if it is there unharmed.

        Raises:
            UnreachableIndexError: it has to be downloaded, and cannot be.
            AssertionError: the index has another file, or none.
        """
        cached = cache_folder() / "manifests" / self.sha256
        try:
            content = cached.read_bytes()
        except FileNotFoundError:
            content = b""
        if hashlib.sha256(content).hexdigest() == self.sha256:
            return content
        content = self._download()
        found = hashlib.sha256(content).hexdigest()
        assert found == self.sha256, f"{self}: its sha256 is {found}, pinned is {self.sha256}"
        _keep(cached, content)
        return content

    def _download(self) -> bytes:
        if self.registry in _UNREACHABLE:
            raise UnreachableIndexError(_UNREACHABLE[self.registry])
        try:
            url = self._on_pypi() if self.registry == "pypi" else self._on_npm()
            return _get(url)[1]
        except urllib.error.HTTPError as error:
            if error.code in (404, 410):
                raise AssertionError(f"{self}: the index has it no longer") from None
            problem = f"{self.registry}'s index answers {error.code}"
        except (OSError, http.client.HTTPException) as error:
            reason = getattr(error, "reason", None) or error
            problem = f"{self.registry}'s index cannot be reached: {reason}"
        _UNREACHABLE[self.registry] = problem
        raise UnreachableIndexError(problem)

    def _on_pypi(self) -> str:
        name = re.sub(r"[-_.]+", "-", self.package).lower()
        base, content = _get(f"{_python_index().rstrip('/')}/{name}/", _SIMPLE_API)
        files = dict(_files(content, base))
        # Older releases keep the name's dashes in the file's name, newer ones do not.
        wanted = {f"{stem}-{self.version}.tar.gz" for stem in (name, name.replace("-", "_"))}
        found = sorted(wanted & files.keys())
        assert found, f"{self}: the index lists no {' or '.join(sorted(wanted))}"
        return files[found[0]]

    def _on_npm(self) -> str:
        registry = _npm_registry().rstrip("/")
        _, content = _get(f"{registry}/{quote(self.package, safe='@')}/{self.version}")
        tarball: str = json.loads(content)["dist"]["tarball"]
        # As npm does it (replace-registry-host): a mirror may pass on the original's addresses.
        return tarball.replace(_NPM, registry, 1) if tarball.startswith(f"{_NPM}/") else tarball


def _keep(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, new = tempfile.mkstemp(dir=path.parent)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
    Path(new).replace(path)


_SIMPLE_API = "application/vnd.pypi.simple.v1+json, text/html;q=0.5"


def _files(content: bytes, base: str) -> Iterator[tuple[str, str]]:
    """Names and addresses of the files that a project's page lists, JSON or HTML."""
    if content.lstrip().startswith(b"{"):
        for file in json.loads(content)["files"]:
            yield file["filename"], urljoin(base, file["url"])
        return
    links = _Links()
    links.feed(content.decode())
    for link in links.found:
        yield unquote(urlsplit(link).path.rpartition("/")[2]), urljoin(base, link)


class _Links(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "a" and (link := dict(attrs).get("href")):
            self.found.append(link)


def _get(url: str, accept: str = "*/*") -> tuple[str, bytes]:
    """Where the answer came from in the end, and its content."""
    parts = urlsplit(url)
    assert parts.scheme in ("http", "https"), "an index is reached over HTTP"
    url = urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))
    request = urllib.request.Request(url, headers={"Accept": accept})  # noqa: S310 - see above
    if parts.username:  # a private index, as pip spells it; what it redirects to gets no login
        login = basic(unquote(parts.username), unquote(parts.password or ""))
        request.add_unredirected_header(*login.popitem())
    tls = _tls() if parts.scheme == "https" else None
    for left in reversed(range(_TRIES)):
        try:
            with urllib.request.urlopen(  # noqa: S310
                request, timeout=_TIMEOUT, context=tls
            ) as answer:
                return answer.url, answer.read()
        except urllib.error.HTTPError as error:
            if error.code < 500 or not left:
                raise
        except (OSError, http.client.HTTPException):
            if not left:
                raise
    raise AssertionError("unreachable")


def _tls() -> ssl.SSLContext:
    context = ssl.create_default_context()
    named = ("PIP_CERT", "REQUESTS_CA_BUNDLE", "SSL_CERT_FILE", "NODE_EXTRA_CA_CERTS")
    files = [os.environ.get(name, "") for name in named]
    for file in filter(None, [*files, _pip().get("cert", "")]):
        context.load_verify_locations(cafile=file)
    return context


def _python_index() -> str:
    named = ("UV_DEFAULT_INDEX", "UV_INDEX_URL", "PIP_INDEX_URL")
    for found in filter(None, map(os.environ.get, named)):
        return re.sub(r"\A\w+=", "", found)  # uv lets an index have a name: NAME=URL
    return _pip().get("index-url", _PYPI)


def _npm_registry() -> str:
    for name in ("npm_config_registry", "NPM_CONFIG_REGISTRY"):
        if found := os.environ.get(name):
            return found
    found = _said("npm", "config", "get", "registry")
    return found if found.startswith("http") else _NPM


def _pip() -> dict[str, str]:
    """pip's settings of all commands, by their names."""
    listed = _said("pip", "config", "list")
    return dict(re.findall(r"^(?:global|:env:)\.([-a-z]+)='(.*)'$", listed, re.MULTILINE))


@cache
def _said(*command: str) -> str:
    """What a program printed; nothing if it is not there or failed."""
    if not shutil.which(command[0]):
        return ""
    options: dict[str, Any] = {"capture_output": True, "text": True, "timeout": _TIMEOUT}
    answer = subprocess.run(command, stdin=subprocess.DEVNULL, check=False, **options)
    return answer.stdout.strip() if answer.returncode == 0 else ""
