"""What importers share: the records they yield, the files they read, and what several formats have in common."""
