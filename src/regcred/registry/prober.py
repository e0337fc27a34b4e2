"""Would these images pull? One run of probes: shared connections and tokens, bounded in all.

A probe asks for the manifest as a pull would, and pulls no layer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Container, Mapping
    from types import TracebackType

    from regcred.core.answer import Answer
    from regcred.core.credential import Credential
    from regcred.core.image import ImageReference
    from regcred.core.platform import Platform


class Prober:
    """Asks registries for images; an async context manager, for one run.

    Args:
        ca_file: PEM file of certificates to trust besides the system's.
        certs_dir: a folder in the layout of containerd's ``certs.d``.
        plain_http: hosts (with port) to speak plain HTTP with.
        timeout: seconds for one probe, retries included; waiting for its turn does not count.
        concurrency: probes of one registry at a time.
        env: the environment, for the proxy variables; None for this process's.

    Raises:
        InvalidInput: `ca_file`, or the proxy that the environment names, cannot be used.
    """

    def __init__(
        self,
        *,
        ca_file: str | None = None,
        certs_dir: str | None = None,
        plain_http: Container[str] = (),
        timeout: float = 30.0,
        concurrency: int = 8,
        env: Mapping[str, str] | None = None,
    ) -> None:
        raise NotImplementedError

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close every connection."""

    async def probe(
        self,
        image: ImageReference,
        credential: Credential | None,
        platform: Platform | None = None,
    ) -> Answer:
        """Ask for one image with one credential; start many at once, with ``asyncio.gather``.

        Args:
            image: what to ask for.
            credential: whom to log in; None for nobody. One with an empty username holds an
                identity token (``identitytoken`` of a docker config) as its password.
            platform: of the node; None to take any that an index has.

        Returns:
            What the registry says; its failures are answers too, and no exceptions.

        Raises:
            InvalidInput: what is configured for the registry under `certs_dir` cannot be used.
        """
        raise NotImplementedError
