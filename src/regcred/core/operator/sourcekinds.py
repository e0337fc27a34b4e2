"""The kinds of sources that there are: the keys that a PullCredential's ``source`` may have."""

#: Those that keep their credential in a Secret of the operator's own namespace.
STATIC_KINDS = ("basic", "dockerConfig", "googleServiceAccount")
#: Those that ask a provider (`regcred.minters`).
MINTED_KINDS = (
    "ecr",
    "googleArtifactRegistry",
    "acr",
    "githubApp",
    "gitlab",
    "harbor",
    "quay",
    "dockerHub",
    "exec",
)
#: Those of them that take a token of a ServiceAccount in place of a key.
IDENTITY_KINDS = ("ecr", "googleArtifactRegistry", "acr", "quay")
#: The keys of the Secret that one may have, by kind of those that ask a provider.
SECRET_KEYS = {
    "ecr": ("access-key-id", "secret-access-key", "session-token"),
    "googleArtifactRegistry": ("key.json",),
    "acr": ("client-secret", "client.pem"),
    "githubApp": ("private-key.pem",),
    "gitlab": ("token",),
    "harbor": ("username", "password"),
    "quay": ("token",),
    "dockerHub": ("token",),
    "exec": (),
}
