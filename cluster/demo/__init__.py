"""``make demo``: from a Pod that may not pull to a cluster that keeps itself logged in, for real.

``python -m cluster.demo [--keep]``; on a cluster and a registry of one's own with
``REGCRED_DEMO_CONTEXT`` and what `cluster.demo.place` names.
"""
