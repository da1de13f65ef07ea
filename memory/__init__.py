"""Harkback: remembers what people and their agents said, did and learned, and finds it again.

>>> import tempfile
>>> from memory import Memory
>>> with Memory.open(tempfile.mkdtemp()) as m:
...     session = m.sessions.create(title="Pin numpy", project="web/api")
...     _ = m.messages.append(session.id, role="user", content="why did CI break?")
...     _ = m.messages.append(session.id, role="assistant", content="numpy 2 removed np.float_; pin numpy below 2")
...     _ = m.learnings.add("decision", "numpy stays below 2 until the models are retrained", session_id=session.id)
...     for hit in m.search("why is numpy pinned?", project="web").hits:
...         print(hit.kind, "|", hit.snippet)
message | <mark>numpy</mark> 2 removed np.float_; <mark>pin</mark> <mark>numpy</mark> below 2
learning | <mark>numpy</mark> stays below 2 until the models are retrained
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from memory.memory import Memory as Memory

__version__ = "0.1.0"
__all__ = ["Memory", "__version__"]


def __getattr__(name: str) -> object:
    # read when it is first asked for, so that `import memory.errors` costs nothing
    if name == "Memory":
        from memory.memory import Memory

        return Memory
    raise AttributeError(f"module 'memory' has no attribute {name!r}")
