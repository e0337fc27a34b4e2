"""What keeps generated files in step with what they are made from."""
