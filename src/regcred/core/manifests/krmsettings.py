"""The settings of the KRM function: its functionConfig, and ``REGCRED_…`` behind that.

A functionConfig is a ConfigMap (kpt makes one of ``-- key=value``) or an object of our own kind
RegcredInject. What is not known in it is refused: a setting that is misspelt must not pass for
one that was not made.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from regcred.core.errors import UsageError
from regcred.core.manifests.inject import Request
from regcred.core.manifests.manifest import resolve
from regcred.core.manifests.manifestpath import parse_kind_path
from regcred.core.manifests.manifesttree import Mapping, Node, Scalar, Sequence
from regcred.core.manifests.resourcelist import string
from regcred.core.names import check_name, check_namespace

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from collections.abc import Mapping as MappingType

API_VERSION, KIND = "regcred.dev/v1alpha1", "RegcredInject"

# As click reads a flag's environment variable.
_YES = ("1", "true", "t", "yes", "y", "on")
_NO = ("0", "false", "f", "no", "n", "off")


@dataclass(frozen=True, slots=True)
class _Setting:
    """One setting, by its names in ``data``, in ``spec`` and in the environment."""

    data: str
    spec: str
    variable: str


_SECRETS = _Setting("secrets", "secrets", "REGCRED_SECRET")
_IMAGES = _Setting("image", "images", "REGCRED_IMAGE")
_PATHS = _Setting("path", "paths", "REGCRED_PATH")
_ACCOUNTS = _Setting("serviceaccounts", "serviceAccounts", "REGCRED_SERVICEACCOUNTS")
_KEEP = _Setting(
    "keep-serviceaccount-secrets",
    "keepServiceAccountSecrets",
    "REGCRED_KEEP_SERVICEACCOUNT_SECRETS",
)
_NAMESPACE = _Setting("namespace", "namespace", "REGCRED_NAMESPACE")
_ALL = (_SECRETS, _IMAGES, _PATHS, _ACCOUNTS, _KEEP, _NAMESPACE)


class BadSetting(Exception):
    """A setting cannot be meant as it stands.

    Args:
        problem: why, the setting named.
        field: its path in the functionConfig; empty where it is not from there.
    """

    def __init__(self, problem: str, field: str = "") -> None:
        super().__init__(problem)
        self.problem = problem
        self.field = field


def request(config: Node | None, env: MappingType[str, str]) -> Request:
    """What is to be injected.

    Args:
        config: the functionConfig, if there is one.
        env: the environment.

    Raises:
        BadSetting: one is not known, or cannot be meant, or no Secret is named.
    """
    given = _Given(config, env)
    secrets, namespace = given.names(_SECRETS), given.text(_NAMESPACE)
    if not secrets:
        raise BadSetting(
            "no pull Secret is named: give secrets in the functionConfig, or REGCRED_SECRET"
        )
    with given.blamed(_SECRETS):
        for name in secrets:
            check_name(name, "Secret")
    with given.blamed(_NAMESPACE):
        if namespace:
            check_namespace(namespace)
    with given.blamed(_PATHS):
        paths = tuple(parse_kind_path(path) for path in given.names(_PATHS))
    return Request(
        secrets,
        serviceaccounts=given.flag(_ACCOUNTS),
        images=given.names(_IMAGES),
        paths=paths,
        namespace=namespace,
        keep=given.flag(_KEEP),
    )


def keep_key(config: Node | None) -> str:
    """What the setting that keeps ServiceAccounts' pull Secrets is called in `config`."""
    return _KEEP.spec if string(config, "kind") == KIND else _KEEP.data


class _Given:
    """The settings that were made."""

    def __init__(self, config: Node | None, env: MappingType[str, str]) -> None:
        self._env = env
        self._part = ""
        self._nodes: dict[str, Node] = {}
        if config is None:
            return
        kind = string(config, "apiVersion"), string(config, "kind")
        if kind not in (("v1", "ConfigMap"), (API_VERSION, KIND)):
            raise BadSetting(
                f"the functionConfig is neither a v1 ConfigMap nor a {API_VERSION} {KIND}"
            )
        self._part = "data" if kind[1] == "ConfigMap" else "spec"
        whole = _entries(config, ("apiVersion", "kind", "metadata", self._part), "")
        part = resolve(whole.get(self._part))
        if part is None or (isinstance(part, Scalar) and part.null):
            return
        self._nodes = _entries(part, [self._key(setting) for setting in _ALL], self._part)

    def names(self, setting: _Setting) -> tuple[str, ...]:
        """A list: of ``spec``, or cut at commas and white space; empty where it is not given."""
        node = resolve(self._nodes.get(self._key(setting)))
        if isinstance(node, Sequence) and self._part == "spec":
            found = [string(item) for item in node.items]
        elif self._part == "spec" and node is not None:
            raise self._bad(setting, "is not a list")
        else:
            text = self.text(setting)
            found = [name for part in text.split(",") for name in part.split() or [""]]
            found = found if text else []
        if not all(found):
            raise self._bad(setting, "has an entry that is empty, or no string")
        return tuple(dict.fromkeys(found))

    def flag(self, setting: _Setting) -> bool:
        """Yes or no; no where it is not given."""
        said = self.text(setting).lower()
        if said not in (*_YES, *_NO, ""):
            raise self._bad(setting, f"is {said!r}, neither true nor false")
        return said in _YES

    def text(self, setting: _Setting) -> str:
        """A string; empty where it is not given."""
        node = self._nodes.get(self._key(setting))
        if node is None:
            return self._env.get(setting.variable, "").strip()
        found = string(node).strip()
        if not found:
            # What was to stand here, perhaps a variable, is not there: that must not mean nothing.
            raise self._bad(setting, "is empty, or no string")
        return found

    @contextmanager
    def blamed(self, setting: _Setting) -> Iterator[None]:
        """Put complaints down to `setting`."""
        try:
            yield
        except UsageError as error:
            raise self._bad(setting, f"is wrong: {error.message}") from None

    def _key(self, setting: _Setting) -> str:
        return setting.data if self._part == "data" else setting.spec

    def _bad(self, setting: _Setting, problem: str) -> BadSetting:
        key = self._key(setting)
        if key not in self._nodes:
            return BadSetting(f"{setting.variable} {problem}")
        return BadSetting(f"{self._part}.{key} {problem}", f"{self._part}.{key}")


def _entries(node: Node, known: Iterable[str], where: str) -> dict[str, Node]:
    """The entries of a mapping in which each key is `known`, and stands once.

    Raises:
        BadSetting: it is no such mapping.
    """
    if not isinstance(node, Mapping):
        raise BadSetting(f"{where or 'the functionConfig'} is not a mapping", where)
    found: dict[str, Node] = {}
    for key, _, value in node.entries:
        field = f"{where}.{key}" if where else key
        if key in found:
            raise BadSetting(f"{field} stands twice", field)
        if key not in known:
            raise BadSetting(f"{field} is not known; known are {', '.join(known)}", field)
        found[key] = value
    return found
