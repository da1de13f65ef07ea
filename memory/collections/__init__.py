"""Collections: what a caller does to records of one kind."""
