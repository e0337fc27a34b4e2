"""The pull Secrets of one namespace: what `login` keeps there, and what `status` shows."""
