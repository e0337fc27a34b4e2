"""What the unit tests share."""

import os

from hypothesis import settings

# How long an example takes is the machine's affair, not a test's. Few of them, so that
# `make check` stays short; in CI too, where each run draws others.
settings.register_profile("quick", deadline=None, max_examples=50)
settings.register_profile("thorough", deadline=None, max_examples=100)
# `make soak`: as many as find what one in a thousand shows.
settings.register_profile("soak", deadline=None, max_examples=5000)
in_ci = os.environ.get("CI") == "true"
settings.load_profile(os.environ.get("REGCRED_EXAMPLES") or ("thorough" if in_ci else "quick"))
