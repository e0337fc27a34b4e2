"""Ask registries over the network: is a login right, and would an image be pulled?

The flows are in `regcred.core` (``tokenflow``, ``pullflow``); here they are driven with aiohttp.
`regcred.registry.prober` is imported by who needs it.
"""

from regcred.registry.verifying import Verified, verify

__all__ = ["Verified", "verify"]
