"""Talking to a Kubernetes API server: configuration and a thin client for raw objects."""
