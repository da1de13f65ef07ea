"""Invented histories, for `hark demo`."""
