"""How fast regcred is, as ratios to what it has to beat: ``python -m tests.benchmarks``."""
