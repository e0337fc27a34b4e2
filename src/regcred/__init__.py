"""Private-registry image pulls on Kubernetes that just work.

This package is the program behind the ``regcred`` command. The layers, from the top:
``cli``, ``registry`` and ``kube``, ``core``; see CONTRIBUTING.md for the map.
"""

__version__ = "0.1.0"
