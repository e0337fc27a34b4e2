"""The pure core: no clock, no environment, no files, no sockets, no logging.

Everything hard is here, so that everything hard is tested without a network. The modules of this
folder are words that all share; each room beside them has one subject::

    namespace            what `login` keeps and `status` shows
    diagnosis            will it pull, why not, what mends it
    operator             PullCredentials: selection, plan, status
    pods     | registry  what kubelet reports | what is said to a registry
    manifests            where Pod templates are in a text
    logins               docker configs, pull Secrets, the keyring
    formats              text as others write it

An upper room may import a lower one, never the other way. Import-linter enforces that, and the
purity (``[tool.importlinter]`` in pyproject.toml).
"""
