"""Providers of credentials on this machine, one module each, that speak the real ones' protocols.

Each is written from what its provider publishes, checks what the real one checks, and can be told
to fail in each way that is documented. `serving` gives them an address, `desk` is what a minter is
called with, `oidc` has ServiceAccounts' tokens and who verifies them.
"""
