"""Care for a store: what takes things out of it for good."""
