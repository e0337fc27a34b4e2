"""Manifests as text and as trees: where the Pod templates are, and how a line gets into them."""
