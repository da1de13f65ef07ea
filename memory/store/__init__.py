"""The truth: rows in a database. One file a database; all SQL lives here."""
