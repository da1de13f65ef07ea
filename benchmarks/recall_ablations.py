"""What `recall.py --ablate` changes: a name for the row, and the fields of the recipe with their values."""

ABLATIONS: dict[str, dict[str, float]] = {}
