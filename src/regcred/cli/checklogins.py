"""Logins that come with ``regcred check``: Secrets in files, and those of this machine."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from regcred.cli import inputs
from regcred.core.errors import (
    InvalidDockerConfig,
    InvalidImage,
    InvalidRegistry,
    NoLogin,
    UsageError,
)
from regcred.core.logins.image import parse_image
from regcred.core.logins.pullsecret import PullSecret

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable


def secret_files(files: Collection[str], option: str = "--secret-file") -> list[PullSecret]:
    """The Secrets in manifests, in order.

    Raises:
        UsageError: a file has none in it.
        InvalidManifest: one cannot be read.
    """
    if not files:
        return []

    from regcred.manifests import gathering, sources

    verb = f"check … {option} -"
    secrets: list[PullSecret] = []
    for file in files:
        found = gathering.gather(sources.find([file], verb=verb), verb=verb)
        if not found.secrets:
            raise UsageError(
                f"{option}: there is no Secret in {file}",
                hint="kubectl get secret NAME -o yaml prints one, and regcred secret NAME "
                "--dry-run=client -o yaml makes one",
            )
        secrets += found.secrets.values()
    return secrets


def docker_config_file(path: str) -> PullSecret:
    """A ``config.json`` as the pull Secret that could be made of it.

    Raises:
        InvalidInput: it cannot be read.
    """
    if not path:
        folder = os.environ.get("DOCKER_CONFIG") or "~/.docker"
        path = f"{folder}/config.json"
    return PullSecret.of_docker_config(inputs.read_file(path, "docker config"), path)


def machine(path: str | None, images: Iterable[str], *, timeout: float) -> PullSecret:
    """The logins of this machine for some images, as a pull Secret of them would be.

    Identity tokens are among them: docker uses them, and a verdict says that kubelet would not.

    Args:
        path: docker's configuration; empty for where docker has it.
        images: as written.
        timeout: seconds for each call of a credential helper.

    Raises:
        InvalidDockerConfig: docker's configuration cannot be read.
        CredentialHelperFailed: a credential helper failed.
    """
    from regcred import credhelper

    try:
        config = credhelper.load_client_config(path or None, os.environ)
    except InvalidDockerConfig as error:
        error.hint = "docker login REGISTRY writes it; --docker-config FILE names another"
        raise
    document = config.auths
    for registry, entry in config.auths.items():
        if (
            entry.useless and not entry.identity_token
        ):  # where a helper keeps the login, docker leaves an empty entry
            document = document.without(registry)
    domains: dict[str, None] = {}
    for image in dict.fromkeys(images):
        try:
            domains[parse_image(image).domain] = None
        except InvalidImage:
            continue  # its verdict will be that
    for domain in domains:
        try:
            helper, _ = config.helper(domain)
            if not helper:
                continue
            (credential,) = credhelper.resolve(
                config, [domain], timeout=timeout, identity_tokens=True
            )
        except (NoLogin, InvalidRegistry):
            continue  # there is no login for it, and the verdict says so
        if credential.username:
            document = document.with_credential(credential)
        else:
            document = document.with_identity_token(domain, credential.password)
    return PullSecret.of_docker_config(document.to_json(), config.source, identity_tokens=True)
