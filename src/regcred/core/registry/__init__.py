"""What is said to a registry and what it answers: flows of a login and of a probe, without I/O."""
