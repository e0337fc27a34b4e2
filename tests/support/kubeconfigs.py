"""Kubeconfigs made by chance, with what kubectl and PyYAML might read differently.

One to three files in a KUBECONFIG list, some missing or empty, with colliding names, relative
paths, nulls, unknown fields, wrong types, and scalars on which the YAML dialects disagree. The
seed decides everything, so a failure comes back under its number.
"""

from __future__ import annotations

import base64
import json
import os
import random
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from regcred.kube import kubeconfigpaths

if TYPE_CHECKING:
    from pathlib import Path

NAMES = ("a", "b", "c", "kind-x", "user@host:6443")
TEXTS = ("x", "https://127.0.0.1:6443", "ümläut ☃", "a: b # c", "", "'\"\\", "2 lines\nhere", " s ")
#: Plain scalars on whose types YAML 1.1, 1.2 and go-yaml disagree.
_SCALARS = """
yes no y N on Off true TRUE ~ null Null tRue 12:30 190:20:30 1e3 1E+2 -.5 .5 5. 0o17 0O17 017 08
0x1F 0b101 -0b11 1_000 _1 +12 -7 0 00 18446744073709551615 18446744073709551616
99999999999999999999999 1.5e400 0.1 1.0 . - + .. 2026-01-01 2026-01-01T00:00:00Z = < 1.2.3
10.0.0.1 e5 1e 0x 0b2 12abc 0o8 1__0
"""
SCALARS = (*_SCALARS.split(), "2026-1-1 1:2:3")


#: Plain scalars that no YAML, or no JSON made of it, can hold.
IMPOSSIBLE = ("@x", "`x", "%x", ".inf", "-.Inf", ".NaN", "[", "*x", "!!binary aGk=")


class Raw(str):
    """A scalar to write as it is, without quotes."""

    __slots__ = ()


def pem(rng: random.Random) -> bytes:
    return b"-----BEGIN X-----\n%d\n" % rng.randrange(10**6)


@dataclass
class Case:
    """A generated situation."""

    env: dict[str, str]
    flags: list[str]
    explicit: str | None
    context: str | None
    cwd: Path

    def paths(self) -> list[str]:
        return kubeconfigpaths.find_paths(self.explicit, self.env)


class Generator:
    """Kubeconfigs below a folder, decided by a seed."""

    def __init__(self, seed: int, folder: Path) -> None:
        self.rng = random.Random(seed)  # noqa: S311
        self.folder = folder
        self.wrong = self.rng.random() < 0.3  # whether mistakes may be made in this case

    def case(self) -> Case:
        rng = self.rng
        paths = [self.file(index) for index in range(rng.choice((1, 1, 2, 2, 3)))]
        if rng.random() < 0.2:
            paths.insert(rng.randrange(len(paths) + 1), str(self.folder / "missing"))
        if rng.random() < 0.1:
            paths.append(paths[0])
        if rng.random() < 0.1:
            paths.insert(0, "")
        context = rng.choice((None, None, None, *NAMES))
        flags = [f"--context={context}"] if context else []
        env = {"HOME": str(self.folder), "KUBECONFIG": os.pathsep.join(paths)}
        explicit = None
        if rng.random() < 0.2:
            explicit = rng.choice([path for path in paths if path])
            flags += [f"--kubeconfig={explicit}", "--merge=true"]
        return Case(env, flags, explicit, context, self.folder)

    def file(self, index: int) -> str:
        rng = self.rng
        relative = rng.choice((f"f{index}", f"sub/f{index}", f"sub/deep/f{index}"))
        path = self.folder / relative
        path.parent.mkdir(parents=True, exist_ok=True)
        for name in ("ca.pem", "cert.pem", "key.pem"):
            (path.parent / name).write_bytes(pem(rng))
        path.write_text(self.text(), encoding="utf-8")
        return rng.choice((relative, str(path), f"./{relative}", f"sub/../{relative}"))

    def text(self) -> str:
        rng = self.rng
        if rng.random() < 0.05:
            return rng.choice(("", "\n", "# nothing\n", "---\n", "{}", "null"))
        if self.wrong and rng.random() < 0.1:
            return rng.choice(
                ("[1]", "text", "a: [", "a: b: c", "\tx: y", "a: *b", "5", "a: &x [*x]")
            )
        document: dict[str, Any] = {"apiVersion": "v1", "kind": "Config"}
        if self.wrong and rng.random() < 0.1:
            document |= rng.choice(({"kind": "Pod"}, {"apiVersion": "v2"}, {"apiVersion": "x/v1"}))
        if rng.random() < 0.1:
            document.pop(rng.choice(("apiVersion", "kind")))
        document["clusters"] = self.named("cluster", self.cluster)
        document["users"] = self.named("user", self.user)
        document["contexts"] = self.named("context", self.context)
        document["current-context"] = rng.choice((*NAMES * 3, "", None, "nowhere"))
        if rng.random() < 0.3:
            document["preferences"] = rng.choice(({}, {"colors": True}))
        self.spoil(document)
        text = emit(document, rng)
        if rng.random() < 0.05:
            text = f"---\n{text}\n---\nanother: document\n"
        return text + rng.choice(("", "\n", "\n# end\n"))

    def named(self, key: str, make: Any) -> Any:
        rng = self.rng
        if rng.random() < 0.02:
            return None
        names = rng.sample(NAMES, rng.choice((2, 4, 5, 5, 5)))
        if self.wrong and rng.random() < 0.1:
            names.append(names[0])
        return [self.spoil({"name": name, key: make()}) for name in names]

    def cluster(self) -> dict[str, Any]:
        rng = self.rng
        made = self.some(
            {
                "server": rng.choice(TEXTS),
                "tls-server-name": rng.choice(TEXTS),
                "insecure-skip-tls-verify": self.flag(),
                "proxy-url": rng.choice(("http://u:p@proxy:3128", "socks5://x", "rubbish")),
                "disable-compression": self.flag(),
                "extensions": [
                    {"name": "client.authentication.k8s.io/exec", "extension": self.anything(2)},
                    {"name": rng.choice(("e", "f")), "extension": self.anything(2)},
                ],
            }
        )
        return self.spoil(made | self.file_or_data("certificate-authority", "ca.pem"))

    def user(self) -> dict[str, Any]:
        rng = self.rng
        made = self.some(
            {
                "token": rng.choice(TEXTS),
                "tokenFile": rng.choice(("token", "../token", "/abs/../token", "./a//b/", "")),
                "username": rng.choice(TEXTS),
                "password": rng.choice(TEXTS),
                "as": rng.choice(TEXTS),
                "as-uid": rng.choice(TEXTS),
                "as-groups": rng.choice(([], ["g", "h"], None, ["", None])),
                "as-user-extra": rng.choice(({}, {"k": ["v"]}, {"k": None, "l": []}, None)),
                "exec": self.exec(),
                "auth-provider": rng.choice((None, {"name": "gcp", "config": {"a": "b"}})),
                "extensions": [{"name": "e", "extension": {"a": 1}}],
            }
        )
        made |= self.file_or_data("client-certificate", "cert.pem")
        return self.spoil(made | self.file_or_data("client-key", "key.pem"))

    def exec(self) -> dict[str, Any] | None:
        rng = self.rng
        versions = ("v1", "v1beta1", "v1alpha1", "v9")
        if rng.random() < 0.2:
            return rng.choice((None, {}))
        return self.spoil(
            self.some(
                {
                    "command": rng.choice(("aws", "./bin/x", "bin/../x", "/usr/bin/x", "")),
                    "args": rng.choice((["a", "b"], [], None, ["", None])),
                    "env": rng.choice(([{"name": "N", "value": "V"}], [], None, [{}])),
                    "apiVersion": f"client.authentication.k8s.io/{rng.choice(versions)}",
                    "installHint": rng.choice(TEXTS),
                    "provideClusterInfo": self.flag(),
                    "interactiveMode": rng.choice(("Never", "Always", "IfAvailable", "Odd", "")),
                }
            )
        )

    def context(self) -> dict[str, Any]:
        rng = self.rng
        return self.spoil(
            self.some(
                {
                    "cluster": rng.choice((*NAMES * 3, "")),
                    "user": rng.choice((*NAMES * 3, "")),
                    "namespace": rng.choice(("ns", "", None, "Not_A_Label")),
                    "extensions": [{"name": "e", "extension": None}],
                },
                odds=0.9,
            )
        )

    def file_or_data(self, key: str, file: str) -> dict[str, Any]:
        """A file, or data, or none; sometimes both or broken."""
        rng = self.rng
        data = base64.b64encode(pem(rng)).decode()
        choices: list[dict[str, Any]] = [
            {},
            {key: file},
            {key: f"../{file}" if rng.random() < 0.1 else f"./{file}"},
            {f"{key}-data": data},
            {f"{key}-data": f"{data[:4]}\n{data[4:]}"},
            {f"{key}-data": ""},
        ]
        if self.wrong:
            choices += [
                {key: file, f"{key}-data": data},
                {key: "nowhere.pem"},
                {
                    f"{key}-data": rng.choice(
                        ("!!!!", "QQ", "QQ=", "QUJD=", "QUI", "Q===", "Q Q=", "-_-_")
                    )
                },
            ]
        return rng.choice(choices)

    def anything(self, depth: int) -> Any:
        rng = self.rng
        if depth == 0 or rng.random() < 0.3:
            scalar = Raw(rng.choice(IMPOSSIBLE if self.wrong and rng.random() < 0.03 else SCALARS))
            return rng.choice((rng.choice(TEXTS), scalar, 5, True, None, 1.5))
        if rng.random() < 0.5:
            return [self.anything(depth - 1) for _ in range(rng.randrange(3))]
        return {key: self.anything(depth - 1) for key in rng.sample(("p", "q", "1", "true"), 2)}

    def flag(self) -> Any:
        return self.rng.choice((True, False, None, Raw("yes"), Raw("off"), Raw("y")))

    def some(self, fields: dict[str, Any], odds: float = 0.4) -> dict[str, Any]:
        return {key: value for key, value in fields.items() if self.rng.random() < odds}

    def spoil(self, fields: dict[str, Any]) -> dict[str, Any]:
        """Add what is unknown, and now and then a value of an unforeseen type."""
        rng = self.rng
        if rng.random() < 0.1:
            fields["unknown-field"] = self.anything(2)
        if fields and rng.random() < (0.02 if self.wrong else 0):
            fields[rng.choice(list(fields))] = Raw(rng.choice(SCALARS))
        if fields and self.wrong and rng.random() < 0.03:
            fields[rng.choice(list(fields))] = rng.choice(([], {}, 5, True, ["x"], {"a": "b"}))
        return fields


def emit(value: Any, rng: random.Random, indent: str = "") -> str:
    """YAML text: block or flow style by chance."""
    if isinstance(value, Raw):
        return str(value)
    if not isinstance(value, (dict, list)) or not value:
        return json.dumps(value, ensure_ascii=rng.random() < 0.5)
    if rng.random() < 0.2 or len(indent) > 12:
        if isinstance(value, list):
            inner = ", ".join(emit(item, rng, " " * 99) for item in value)
            return f"[{inner}]"
        pairs = (f"{json.dumps(key)}: {emit(item, rng, ' ' * 99)}" for key, item in value.items())
        return f"{{{', '.join(pairs)}}}"
    lines = []
    for item in value:
        lead = f"{indent}- " if isinstance(value, list) else f"{indent}{json.dumps(item)}: "
        content = item if isinstance(value, list) else value[item]
        text = emit(content, rng, f"{indent}  ")
        lines.append(lead + (f"\n{text}" if text.startswith(f"{indent}  ") else text))
    return "\n".join(lines)
