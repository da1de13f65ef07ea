"""Data in and out of a store: export, load, backup, restore."""
