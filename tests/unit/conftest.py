"""What the unit tests share."""

import os

from hypothesis import settings

# How long an example takes is the machine's affair, not a test's. Few of them, so that
# `make check` takes less than a minute; in CI too, where each run draws others.
settings.register_profile("quick", deadline=None, max_examples=50)
settings.register_profile("thorough", deadline=None, max_examples=100)
settings.load_profile("thorough" if os.environ.get("CI") == "true" else "quick")
