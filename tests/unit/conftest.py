"""What the unit tests share."""

from hypothesis import settings

# How long an example takes is the machine's affair, not a test's.
settings.register_profile("regcred", deadline=None)
settings.load_profile("regcred")
