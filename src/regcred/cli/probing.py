"""How registries are asked: what the options of `options.probe_options` come to."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from regcred.cli.options import split_names

if TYPE_CHECKING:
    import ssl

    from regcred.registry.prober import Prober


@dataclass(frozen=True, slots=True)
class Probing:
    """The settings of a run of probes; see `regcred.registry.prober.Prober`."""

    ca_file: str | None
    certs_dir: str | None
    plain_http: frozenset[str]
    timeout: float
    concurrency: int
    #: Made of `ca_file`, which may be a pipe and is read once.
    trusted: ssl.SSLContext | None = field(default=None, repr=False, compare=False)

    @classmethod
    def of_options(
        cls,
        ca_file: str | None,
        certs_dir: str | None,
        plain_http: tuple[str, ...],
        timeout: float,
        concurrency: int,
    ) -> Probing:
        """As they were given.

        Raises:
            UsageError: a host is empty.
            InvalidInput: a file or folder cannot be used.
        """
        trusted = None
        if ca_file is not None or certs_dir is not None:
            # Said at once, though it may be that no registry has to be asked.
            from regcred.registry import trust

            if ca_file is not None:
                trusted = trust.as_a_node(ca_file)
            if certs_dir is not None:
                trust.Hosts(certs_dir)
        hosts = frozenset(split_names(plain_http, '--plain-http "$HOST"'))
        return cls(ca_file, certs_dir, hosts, timeout, concurrency, trusted)

    def prober(self) -> Prober:
        """Who asks; its module is loaded only now.

        Raises:
            InvalidInput: a file or folder cannot be used.
        """
        from regcred.registry.prober import Prober

        return Prober(
            ca_file=self.ca_file,
            trusted=self.trusted,
            certs_dir=self.certs_dir,
            plain_http=self.plain_http,
            timeout=self.timeout,
            concurrency=self.concurrency,
            env=os.environ,
        )
