"""Text into words and vectors, words and vectors into ranked hits; rebuildable, and knowing no messages."""
