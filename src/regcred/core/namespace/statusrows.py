"""What is where: a row for each registry of each pull Secret of a namespace, and for what lacks.

What could not be read is unknown, never taken for missing and never for empty.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from regcred.core.errors import InvalidImage
from regcred.core.logins.image import parse_image
from regcred.core.logins.keyring import falls_back
from regcred.core.logins.registrykey import FALLBACK, index_matches
from regcred.core.namespace.statusfacts import DEFAULT
from regcred.core.namespace.statusreport import Attachment, Row
from regcred.core.problem import Reason

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from regcred.core.namespace.statusfacts import NamespaceFacts
    from regcred.core.namespace.statussecret import SeenLogin, SeenSecret


def rows(facts: NamespaceFacts, now: datetime, *, always: bool = False) -> list[Row]:
    """The rows of one namespace, by registry and Secret.

    Args:
        facts: what is there.
        now: the time, with time zone.
        always: a row for a namespace that has nothing as well.
    """
    return _Rows(facts, now).make() or ([_nothing(facts)] if always else [])


@dataclass(slots=True)
class _Rows:
    facts: NamespaceFacts
    now: datetime
    #: (Secret, number of its entry) → the Pods that fail with it; without number, that name it.
    failing: defaultdict[tuple[str, int | None], dict[str, None]] = field(
        default_factory=lambda: defaultdict(dict)
    )
    #: Host of an image → the Pods that fail to pull from it and name no Secret with a key for it.
    uncovered: defaultdict[str, dict[str, None]] = field(default_factory=lambda: defaultdict(dict))

    def make(self) -> list[Row]:
        self._find_failing()
        made = [row for secret in self.facts.secrets.values() for row in self._of_secret(secret)]
        made += map(self._absent, self.facts.absent)
        secret = None if "secrets" in self.facts.unread else ""
        made += [
            Row(self.facts.name, host, secret, failing=self._known(pods))
            for host, pods in self.uncovered.items()
        ]
        return sorted(
            made, key=lambda row: (not row.registry, row.registry or "", row.secret or "")
        )

    def _find_failing(self) -> None:
        """Count a Pod at the Secrets of its own list, which is frozen: no other ones are tried."""
        keys_for: dict[str, tuple[str, dict[str, list[int]]]] = {}
        secrets = self.facts.secrets
        for pod in self.facts.refused:
            malformed = False
            for name in pod.pull_secrets:
                if name not in secrets or secrets[name].reason:
                    self.failing[name, None][pod.name] = None
                    # One Secret that does not decode ends the lookup for every image of the Pod.
                    malformed |= name in secrets and secrets[name].reason is Reason.SECRET_MALFORMED
            for image in pod.images:
                if image not in keys_for:
                    keys_for[image] = self._keys_for(image)
                host, keys = keys_for[image]
                tried = [(name, entry) for name in pod.pull_secrets for entry in keys.get(name, ())]
                for key in tried:
                    self.failing[key][pod.name] = None
                if not tried and not malformed:
                    self.uncovered[host][pod.name] = None

    def _keys_for(self, image: str) -> tuple[str, dict[str, list[int]]]:
        """The host of an image, and of each Secret the entries that match it, as for kubelet."""
        try:
            reference = parse_image(image)
        except InvalidImage:
            return "", {}
        found: dict[str, list[int]] = {}
        for secret in self.facts.secrets.values():
            filed = [(n, login.index) for n, login in enumerate(secret.logins) if login.index]
            own = [n for n, index in filed if index_matches(index, reference.name)]
            if not own and falls_back(reference):
                own = [n for n, index in filed if index == FALLBACK]
            found[secret.name] = own
        return reference.domain, found

    def _known(self, pods: Iterable[str]) -> tuple[str, ...] | None:
        return None if "pods" in self.facts.unread else tuple(pods)

    def _pods(self, name: str, entry: int | None) -> tuple[str, ...] | None:
        return self._known(self.failing.get((name, entry), ()))

    def _named(self, name: str) -> int | None:
        return None if "pods" in self.facts.unread else self.facts.named[name]

    def _of_secret(self, secret: SeenSecret) -> list[Row]:
        attachment = _attachment(self.facts, secret.name)
        if secret.reason:
            return [
                Row(
                    self.facts.name,
                    secret.registry,
                    secret.name,
                    attachment,
                    secret.reason,
                    secret.message,
                    secret.managed_by,
                    pods=self._named(secret.name),
                    failing=self._pods(secret.name, None),
                )
            ]
        return [
            self._of_login(secret, login, number, attachment)
            for number, login in enumerate(secret.logins)
        ]

    def _of_login(
        self, secret: SeenSecret, login: SeenLogin, number: int, attachment: Attachment
    ) -> Row:
        expires = login.expires
        if expires is None and not login.static and not login.useless:
            expires = secret.expires
        return Row(
            self.facts.name,
            login.registry,
            secret.name,
            attachment,
            Reason.EMPTY_CREDENTIAL if login.useless else None,
            login.useless,
            secret.managed_by if login.kept else secret.kept_before,
            expires,
            expired=expires is not None and expires <= self.now,
            static=login.static,
            short_lived=login.short_lived and expires is None,
            pods=self._named(secret.name),
            failing=self._pods(secret.name, number),
            giver=login.giver,
            for_pods=login.giver in self.facts.for_pods,
        )

    def _absent(self, name: str) -> Row:
        """A Secret that something names and that is no pull Secret here."""
        facts = self.facts
        registry: str | None = ""
        if "secrets" in facts.unread or facts.other_secrets is None:
            registry, reason, message = None, Reason.UNKNOWN, "it could not be read"
        elif name in facts.other_secrets:
            reason, message = Reason.WRONG_SECRET_TYPE, "kubelet passes over Secrets of its type"
        else:
            reason, message = Reason.SECRET_MISSING, "it does not exist, and kubelet passes over it"
        return Row(
            facts.name,
            registry,
            name,
            _attachment(facts, name),
            reason,
            message,
            pods=self._named(name),
            failing=self._pods(name, None),
        )


def _attachment(facts: NamespaceFacts, name: str) -> Attachment:
    meant = None if "pods" in facts.unread else tuple(sorted({DEFAULT} | facts.runs_as))
    if "serviceaccounts" in facts.unread:
        return Attachment(meant, None)
    naming = sorted(account for account, names in facts.accounts.items() if name in names)
    if meant is None:
        return Attachment(None, tuple(naming))
    return Attachment(
        meant,
        tuple(account for account in naming if account in meant),
        tuple(account for account in naming if account not in meant),
    )


def _nothing(facts: NamespaceFacts) -> Row:
    unknown = None if "secrets" in facts.unread else ""
    return Row(facts.name, unknown, unknown, failing=None if "pods" in facts.unread else ())
