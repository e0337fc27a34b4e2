"""Where the tests' manifests come from: the right file of the right index, or none."""

import hashlib
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from tests.support import packagefiles
from tests.support.http import basic
from tests.support.packagefiles import PackageFile, UnreachableIndexError

CONTENT = b"a release"
SHA256 = hashlib.sha256(CONTENT).hexdigest()
ON_PYPI = PackageFile("pypi", "Some.Package", "1.0", SHA256)
ON_NPM = PackageFile("npm", "@scope/name", "1.0.0", SHA256)


class Index:
    """An index on this machine: path → content, and what was asked."""

    def __init__(self):
        self.pages, self.asked, self.logins = {}, [], set()
        index = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                index.asked.append(self.path)
                index.logins.add(self.headers.get("Authorization"))
                content = index.pages.get(self.path)
                self.send_response(404 if content is None else 200)
                self.end_headers()
                self.wfile.write(content or b"")

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.01,))
        self.thread.start()
        self.host = f"127.0.0.1:{self.server.server_port}"

    def close(self):
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


@pytest.fixture
def index(monkeypatch, tmp_path):
    """What this machine is set up for, in place of its own; with an empty cache."""
    index = Index()
    monkeypatch.setenv("REGCRED_CACHE", str(tmp_path))
    monkeypatch.setenv("UV_DEFAULT_INDEX", f"http://{index.host}/simple")
    monkeypatch.setenv("npm_config_registry", f"http://{index.host}/npm/")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setattr(packagefiles, "_UNREACHABLE", {})
    yield index
    index.close()


def publish(index, *, html=False, content=CONTENT):
    files = [{"filename": f"some_package-{v}.tar.gz", "url": f"../../f/{v}"} for v in ("1.0", "2")]
    page = json.dumps({"files": files})
    if html:
        page = '<a href="../../f/some_package-1.0.tar.gz#sha256=x">some_package-1.0.tar.gz</a>'
    index.pages["/simple/some-package/"] = page.encode()
    index.pages["/f/1.0"] = index.pages["/f/some_package-1.0.tar.gz"] = content
    tarball = "https://registry.npmjs.org/@scope/name/-/name-1.0.0.tgz"
    index.pages["/npm/@scope%2Fname/1.0.0"] = json.dumps({"dist": {"tarball": tarball}}).encode()
    index.pages["/npm/@scope/name/-/name-1.0.0.tgz"] = content


@pytest.mark.parametrize("html", [False, True])
@pytest.mark.parametrize("file", [ON_PYPI, ON_NPM], ids=str)
def test_it_is_found_in_the_index_of_this_machine_once(index, file, html):
    publish(index, html=html)
    assert [file.read(), file.read()] == [CONTENT] * 2
    assert len(index.asked) == 2


def test_another_file_under_the_name_is_refused_and_not_kept(index):
    publish(index, content=b"something else")
    for _ in range(2):
        with pytest.raises(AssertionError, match=f"pinned is {SHA256}"):
            ON_PYPI.read()


def test_a_harmed_file_is_fetched_anew(index, tmp_path):
    publish(index)
    ON_PYPI.read()
    (tmp_path / "manifests" / SHA256).write_bytes(CONTENT[:3])
    assert ON_PYPI.read() == CONTENT


@pytest.mark.parametrize("file", [ON_PYPI, ON_NPM], ids=str)
def test_a_release_that_is_gone_is_a_failure(index, file):
    with pytest.raises(AssertionError, match="no longer"):
        file.read()


def test_a_private_index_gets_its_login(index, monkeypatch):
    publish(index)
    monkeypatch.setenv("UV_DEFAULT_INDEX", f"http://me:p%40ss@{index.host}/simple")
    assert ON_PYPI.read() == CONTENT
    assert basic("me", "p@ss")["Authorization"] in index.logins


def test_an_index_that_is_not_there_is_asked_once(index, monkeypatch):
    monkeypatch.setenv("UV_DEFAULT_INDEX", "http://127.0.0.1:1/simple")
    with pytest.raises(UnreachableIndexError, match="cannot be reached"):
        ON_PYPI.read()
    monkeypatch.setenv("UV_DEFAULT_INDEX", f"http://{index.host}/simple")
    with pytest.raises(UnreachableIndexError, match="cannot be reached"):
        ON_PYPI.read()
    assert not index.asked
