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
