"""Memory for agent frameworks: one file a framework, each imported only by those who use it.

An adapter translates and keeps nothing of its own: what a framework saves becomes sessions and messages (or learnings),
which every other way in finds; the framework's own item stays beside them, and comes back as it was.
"""
