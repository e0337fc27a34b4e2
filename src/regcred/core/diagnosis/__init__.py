"""Whether an image will be pulled, why one is not, and what mends that."""
