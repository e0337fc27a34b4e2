"""Logins and where they are kept, from registry keys to pull Secrets; and kubelet's keyring."""
