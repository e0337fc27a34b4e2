"""Asking a kubeconfig's exec plugin for a credential.

The protocol is client.authentication.k8s.io/v1 and v1beta1
(https://kubernetes.io/docs/reference/config-api/client-authentication.v1/): the program finds an
ExecCredential with its task in ``KUBERNETES_EXEC_INFO`` and prints one with a status. Its
standard error belongs to the person at the terminal and may be quoted; its standard output holds
the secret and never is.

A plugin stays in our process group, as kubectl's does: it may read from the terminal, and what ends
the group (Ctrl-C, ``timeout``, a terminal that closes) ends it, too. Only where we end by ourselves
before it does (`regcred.cli.livenames`) it gets a session of its own, by which what it started is
ended with it.
"""

from __future__ import annotations

import asyncio
import base64
import json
import os
import re
import shutil
import signal
import sys
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from regcred.core.credential import Password
from regcred.core.errors import CredentialHelperFailed
from regcred.kube import yamltext
from regcred.kube.entries import RUN_PLUGIN_BY_HAND
from regcred.kube.fields import Fields

if TYPE_CHECKING:
    from regcred.kube.config import ClusterConfig
    from regcred.kube.entries import ExecPlugin

_ENV = "KUBERNETES_EXEC_INFO"
#: No token and no certificate is larger.
_MAX_STDOUT = 1024 * 1024
_TAIL_LINES = 5
_TAIL_CHARACTERS = 500
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_ANSI = re.compile(r"\x1b(\[[0-?]*[ -/]*[@-~]|[@-_])|[\x00-\x08\x0e-\x1f\x7f]")
#: Process groups of the plugins with sessions of their own that somebody waits for.
_groups: set[int] = set()


@dataclass(frozen=True, slots=True)
class ExecCredential:
    """What a plugin answered.

    Args:
        token: bearer token; empty when there is none.
        certificate: PEM client certificate; empty when there is none.
        key: its PEM private key.
        expires: seconds since the epoch; None for good as long as this process lives.
    """

    token: Password
    certificate: bytes = field(repr=False)
    key: Password
    expires: float | None


async def run(config: ClusterConfig) -> ExecCredential:
    """Run the plugin of a configuration.

    Cancelling ends the plugin too; with a session of its own, also what it started.

    Raises:
        CredentialHelperFailed: it is not there, fails, or prints something else than it should.
    """
    auth = config.auth
    plugin = auth.exec
    if plugin is None:
        raise ValueError("the configuration has no exec plugin")
    interactive = _is_interactive(plugin)
    executable = shutil.which(plugin.command, path=auth.exec_environ.get("PATH"))
    if executable is None:
        raise CredentialHelperFailed(
            f"the credential plugin {plugin.command} of {auth.whose} is not installed",
            hint=_ANSI.sub("", plugin.install_hint).strip() or "install it, or put it on PATH",
        )
    environ = dict(auth.exec_environ) | dict(plugin.env)
    environ[_ENV] = exec_info(config, plugin, interactive=interactive)
    own_session = auth.exec_alone and not interactive
    loop = asyncio.get_running_loop()
    # The transport, since only it can be closed while a child of the plugin has its output.
    starting = asyncio.ensure_future(
        loop.subprocess_exec(
            lambda: _Talk(own_session=own_session),
            executable,
            *plugin.args,
            env=environ,
            stdin=None if interactive else asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            start_new_session=own_session,
        )
    )
    try:
        transport, talk = await asyncio.shield(starting)
    except asyncio.CancelledError:  # half-way asyncio would end the plugin alone
        while not starting.done():
            with suppress(asyncio.CancelledError):  # once more, and it still starts
                await asyncio.wait([starting])
        with suppress(OSError, ValueError):
            await _stop(*starting.result())
        raise
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "a value holds a NUL character"
        raise CredentialHelperFailed(
            f"the credential plugin {plugin.command} of {auth.whose} does not start: {reason}",
            hint=RUN_PLUGIN_BY_HAND,
        ) from None
    try:
        await talk.over.wait()
    finally:
        await _stop(transport, talk)
    if len(talk.stdout) > _MAX_STDOUT:
        raise CredentialHelperFailed(
            f"the credential plugin {plugin.command} of {auth.whose} printed more than 1 MiB and"
            " was ended",
            hint=RUN_PLUGIN_BY_HAND,
        )
    code, said = transport.get_returncode() or 0, talk.last_words()
    if code:
        how = f"exit code {code}" if code > 0 else f"signal {-code}"
        raise CredentialHelperFailed(
            f"the credential plugin {plugin.command} of {auth.whose} failed with {how}"
            + (f": {said}" if said else ""),
            hint=RUN_PLUGIN_BY_HAND,
        )
    try:
        return parse(bytes(talk.stdout), plugin)
    except CredentialHelperFailed as error:
        error.hint = RUN_PLUGIN_BY_HAND
        raise


def end_all() -> None:
    """End the plugins with sessions of their own that `run` waits for; from any thread."""
    for group in _groups.copy():
        _end(group)


async def _stop(transport: asyncio.SubprocessTransport, talk: _Talk) -> None:
    """End a plugin that has not ended; what one that has leaves behind is meant to go on."""
    group = transport.get_pid()
    _groups.discard(group)
    if talk.own_session and not talk.reaped.is_set():
        _end(group)
    transport.close()  # ends it where it has no session of its own
    await talk.reaped.wait()


def _end(group: int) -> None:
    # macOS says PermissionError of one whose processes have all ended.
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(group, signal.SIGKILL)


def exec_info(config: ClusterConfig, plugin: ExecPlugin, *, interactive: bool) -> str:
    """The ExecCredential that tells the plugin what is asked of it, as JSON."""
    spec: dict[str, Any] = {"interactive": interactive}
    if plugin.provide_cluster_info:
        tls = config.tls
        cluster = {
            "server": config.server,
            "tls-server-name": tls.server_name,
            "insecure-skip-tls-verify": tls.insecure,
            "certificate-authority-data": base64.b64encode(tls.ca).decode(),
            "proxy-url": config.proxy_url,
            "disable-compression": config.disable_compression,
        }
        spec["cluster"] = {key: value for key, value in cluster.items() if value}
        spec["cluster"]["config"] = config.auth.exec_config
    info = {"kind": "ExecCredential", "apiVersion": plugin.api_version, "spec": spec}
    return json.dumps(info, separators=(",", ":"))


def parse(stdout: bytes, plugin: ExecPlugin) -> ExecCredential:
    """Read what a plugin printed: JSON, or YAML as client-go allows too.

    Raises:
        CredentialHelperFailed: it is no ExecCredential of the right version with a credential in
            it; says what is wrong and shows nothing of it.
    """
    what = f"the answer of the credential plugin {plugin.command}"
    try:
        text = stdout.strip()
        document = json.loads(text) if text.startswith(b"{") else yamltext.loads(text)
    except (ValueError, RecursionError):
        raise CredentialHelperFailed(f"{what} is not JSON", hint=RUN_PLUGIN_BY_HAND) from None
    if not isinstance(document, dict):
        raise CredentialHelperFailed(
            f"{what} is not an ExecCredential object", hint=RUN_PLUGIN_BY_HAND
        )
    answer = Fields(document, f"{what}:", CredentialHelperFailed)
    if answer.string("kind") != "ExecCredential":
        raise CredentialHelperFailed(
            f"{what} is not of kind ExecCredential", hint=RUN_PLUGIN_BY_HAND
        )
    if answer.string("apiVersion") != plugin.api_version:
        raise CredentialHelperFailed(
            f"{what} is not of apiVersion {plugin.api_version}, which the kubeconfig asks for",
            hint=RUN_PLUGIN_BY_HAND,
        )
    status = answer.mapping("status")
    if status is None:
        raise CredentialHelperFailed(f"{what} has no status", hint=RUN_PLUGIN_BY_HAND)
    token = status.string("token")
    certificate, key = status.string("clientCertificateData"), status.string("clientKeyData")
    if bool(certificate) != bool(key):
        raise CredentialHelperFailed(
            f"{what} has only one of client certificate and key", hint=RUN_PLUGIN_BY_HAND
        )
    if not token and not certificate:
        raise CredentialHelperFailed(
            f"{what} has neither a token nor a client certificate", hint=RUN_PLUGIN_BY_HAND
        )
    if _CONTROL.search(token):
        raise CredentialHelperFailed(
            f"{what} has a token with a line break in it", hint=RUN_PLUGIN_BY_HAND
        )
    return ExecCredential(
        token=Password(token),
        certificate=certificate.encode(),
        key=Password(key),
        expires=_expiry(status.string("expirationTimestamp"), what),
    )


def _expiry(text: str, what: str) -> float | None:
    if not text:
        return None
    try:
        when = datetime.fromisoformat(text)
    except ValueError:
        when = None
    if when is None or when.tzinfo is None:
        raise CredentialHelperFailed(
            f"{what}: status.expirationTimestamp is not RFC 3339", hint=RUN_PLUGIN_BY_HAND
        )
    return when.timestamp()


def _is_interactive(plugin: ExecPlugin) -> bool:
    if plugin.interactive_mode == "Never":
        return False
    terminal = sys.stdin is not None and sys.stdin.isatty()
    if plugin.interactive_mode == "Always" and not terminal:
        raise CredentialHelperFailed(
            f"the credential plugin {plugin.command} asks questions,"
            " and standard input is not a terminal",
            hint="run regcred on a terminal, without --password-stdin",
        )
    return terminal


class _Talk(asyncio.SubprocessProtocol):
    """What a plugin prints: standard output up to its limit, and the end of standard error.

    Standard error is passed on to our own terminal while it comes: a plugin that waits for a
    person (open this page, enter that code) says so there.

    Args:
        own_session: whether the plugin leads a session, and a process group.
    """

    def __init__(self, *, own_session: bool) -> None:
        self.own_session = own_session
        self.stdout = bytearray()
        self._tail = b""
        self._terminal = sys.stderr if sys.stderr is not None and sys.stderr.isatty() else None
        #: There is no more to come, or too much.
        self.over = asyncio.Event()
        #: The process is gone, and so are its pipes.
        self.reaped = asyncio.Event()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        if self.own_session:
            _groups.add(transport.get_extra_info("subprocess").pid)

    def pipe_data_received(self, fd: int, data: bytes) -> None:
        if fd == 1:
            self.stdout += data
            if len(self.stdout) > _MAX_STDOUT:
                self.over.set()
            return
        self._tail = (self._tail + data)[-4 * _TAIL_CHARACTERS :]
        if self._terminal:
            with suppress(OSError, ValueError):  # it may have been closed
                self._terminal.write(data.decode(errors="replace"))
                self._terminal.flush()

    def connection_lost(self, exc: Exception | None) -> None:
        self.over.set()
        self.reaped.set()

    def last_words(self) -> str:
        """The last lines of standard error."""
        lines = _ANSI.sub("", self._tail.decode(errors="replace")).strip().splitlines()
        return os.linesep.join(lines[-_TAIL_LINES:])[-_TAIL_CHARACTERS:]
