"""``make demo``: a real Pod fails to pull from a real private registry, and one command mends it.

``python -m cluster.demo [--keep]``; on a cluster and a registry of one's own with
``REGCRED_DEMO_CONTEXT`` and what `cluster.demo.place` names.
"""
