"""The pure core: no clock, no environment, no files, no sockets, no logging.

Everything hard is here, so that everything hard is tested without a network. Import-linter
enforces the purity (``[tool.importlinter]`` in pyproject.toml).
"""
