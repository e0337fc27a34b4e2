"""What tests of minters share: whom to trust, the time, names, an environment without logins."""

import contextlib
import importlib
import os
import ssl

import aiohttp.connector
import pytest

from cluster.pki import Authority
from regcred.minters import MODULES
from tests.support.providers.desk import open_desk
from tests.support.providers.oidc import Issuer
from tests.support.providers.serving import Clock, names, nobody, serve, watched
from tests.support.providers.watching import Watch

_AMBIENT = ("AWS_", "AZURE_", "GOOGLE_", "GCE_", "GCLOUD_", "CLOUDSDK_", "IDENTITY_", "MSI_")


@pytest.fixture(scope="session")
def authority(tmp_path_factory):
    """The CA of all servers here."""
    return Authority(tmp_path_factory.mktemp("pki"), "ca")


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch, tmp_path, authority):
    """No login of whoever runs the tests, no proxy, and no CA but that of the tests."""
    for name in list(os.environ):
        if name.startswith(_AMBIENT) or name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"):
        monkeypatch.setenv(name, str(authority.files.certificate))
    # aiohttp has read the system's store when it was imported.
    trust = ssl.create_default_context(cafile=str(authority.files.certificate))
    monkeypatch.setattr(aiohttp.connector, "_SSL_CONTEXT_VERIFIED", trust)


@pytest.fixture(autouse=True)
def dns():
    """Names that there are: name → port of loopback."""
    with names() as known:
        yield known


@pytest.fixture(autouse=True)
def watch(monkeypatch, caplog, capfd):
    """At the end of each test no minter has said any secret, in whatever form."""
    made = Watch()
    for name in MODULES.values():
        module = importlib.import_module(f"regcred.minters.{name}")
        for verb in ("mint", "revoke"):
            if hasattr(module, verb):
                function = made.call(f"{name}.{verb}", getattr(module, verb))
                monkeypatch.setattr(module, verb, function)
    with watched() as served:
        yield made
    made.add_served(served)
    made.add_records(caplog.get_records("call"))
    printed = capfd.readouterr()
    made.require(stdout=printed.out, stderr=printed.err)


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def start(authority):
    """Start a server: ``start(app)``, or ``start(app, "name", …)`` with TLS for these hosts."""
    with contextlib.ExitStack() as stack:
        yield lambda app, *hosts: stack.enter_context(
            serve(app, authority.server(hosts[0], hosts) if hosts else None)
        )


@pytest.fixture
def unreachable():
    """HOST:PORT where nothing listens."""
    with nobody() as host:
        yield host


@pytest.fixture
async def desk(watch):
    """Make a Desk: ``await desk("REGISTRY", secrets=…)``; see `open_desk`."""
    async with contextlib.AsyncExitStack() as stack:

        async def make(*registries, **options):
            opened = await stack.enter_async_context(open_desk(*registries, **options))
            return watch.desk(opened)

        yield make


@pytest.fixture
def issuer(start, clock):
    """A cluster that issues ServiceAccounts' tokens, with its discovery at `Issuer.url`."""
    made = Issuer(clock)
    made.url = start(made.app).url
    return made
