"""Manifests in files and streams: which there are, how they are read, kept and written back.

What is done to them is decided in `regcred.core.manifests.inject`. Nothing here knows of a cluster.
"""
