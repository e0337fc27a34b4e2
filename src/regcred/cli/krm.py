"""``regcred-krm``: the KRM function that kustomize and kpt run.

kustomize shows nothing of a function's results, only its stderr; kpt shows both. So errors and
warnings are said on stderr too, and what merely was done is left to the results.
"""

from __future__ import annotations

import os
import sys
from typing import NoReturn

import click

import regcred
from regcred.cli import main as entry
from regcred.cli import output
from regcred.cli.verb import verb

#: Results that are said on stderr too.
_MAX_SAID = 10

_NOTES = (
    "Settings",
    (
        (
            "ConfigMap",
            "as functionConfig; in its data secrets, image, path, namespace: names joined by "
            'commas; serviceaccounts, keep-serviceaccount-secrets: "true".',
        ),
        (
            "RegcredInject",
            "as functionConfig, of regcred.dev/v1alpha1; in its spec secrets, images, paths: "
            "lists; namespace, serviceAccounts, keepServiceAccountSecrets.",
        ),
        (
            "variables",
            "for what is not in there: REGCRED_SECRET, REGCRED_IMAGE, REGCRED_PATH, "
            "REGCRED_NAMESPACE, REGCRED_SERVICEACCOUNTS, REGCRED_KEEP_SERVICEACCOUNT_SECRETS.",
        ),
    ),
)


@click.version_option(regcred.__version__, "--version", message="regcred-krm %(version)s")
@verb(
    ("kustomize build --enable-alpha-plugins --enable-exec deploy/", "which runs regcred-krm"),
    ("REGCRED_SECRET=regcred regcred-krm < resources.yaml", "by hand"),
    name="regcred-krm",
    exit_codes={
        0: "done, or nothing was to be done",
        1: "a result is an error",
        2: "wrong usage, or a ResourceList that cannot be used",
        3: "",
    },
    notes=_NOTES,
)
def krm() -> int:
    """Write pull Secrets into the Pod templates of a ResourceList.

    A KRM function: reads a ResourceList on standard input, writes it to standard output. For
    manifests as they are, there is "regcred inject".
    """
    from regcred.core.errors import InvalidManifest, UsageError
    from regcred.core.formats import documents
    from regcred.core.manifests import krm as core

    if sys.stdin.isatty():
        raise UsageError(
            "a ResourceList is expected on standard input",
            hint="kustomize and kpt give one; for manifests: regcred inject",
        )
    content = sys.stdin.buffer.read(documents.MAX_CHARACTERS + 1)
    if len(content) > documents.MAX_CHARACTERS:
        raise InvalidManifest(
            f"the input:1:1: it is over {documents.MAX_CHARACTERS:,} bytes",
            hint="fewer manifests at a time: kustomize build of one folder after the other",
        )
    try:
        text = content.decode()
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        column = error.start - content.rfind(b"\n", 0, error.start)
        raise InvalidManifest(
            f"the input:{line}:{column}: it is not UTF-8", hint="save the manifests as UTF-8"
        ) from None
    answer = core.run(text, os.environ)
    said = [result for result in answer.results if result.severity != "info"]
    for result in said[:_MAX_SAID]:
        say = output.error if result.severity == "error" else output.warning
        say(str(result))
    if len(said) > _MAX_SAID:
        output.warning(f"{len(said) - _MAX_SAID:,} more, which stand in the results")
    stdout = output.data().buffer
    stdout.write(answer.text.encode())
    stdout.flush()
    return 1 if answer.failed else 0


def main() -> NoReturn:
    """Run as a program of its own."""
    entry.main(krm, "regcred-krm")


if __name__ == "__main__":
    main()
