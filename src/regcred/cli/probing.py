"""How registries are asked: what the options of `options.probe_options` come to."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from regcred.cli.options import split_names
from regcred.core.errors import InvalidInput, UsageError

if TYPE_CHECKING:
    from regcred.registry.prober import Prober


@dataclass(frozen=True, slots=True)
class Probing:
    """The settings of a run of probes; see `regcred.registry.prober.Prober`."""

    ca_file: str | None
    certs_dir: str | None
    plain_http: frozenset[str]
    timeout: float
    concurrency: int

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
        """
        hosts = frozenset(split_names(plain_http, '--plain-http "$HOST"'))
        return cls(ca_file, certs_dir, hosts, timeout, concurrency)

    def prober(self) -> Prober:
        """Who asks; its module is loaded only now.

        Raises:
            UsageError: a file or folder cannot be used.
        """
        from regcred.registry.prober import Prober

        try:
            return Prober(
                ca_file=self.ca_file,
                certs_dir=self.certs_dir,
                plain_http=self.plain_http,
                timeout=self.timeout,
                concurrency=self.concurrency,
                env=os.environ,
            )
        except InvalidInput as error:
            raise UsageError(error.message, hint=error.hint) from None
