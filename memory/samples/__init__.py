"""Invented histories, for `hark demo`, and what was learned in them."""

from typing import Any

LEARNED: tuple[dict[str, Any], ...] = (
    {
        "id": "demo-port",
        "category": "decision",
        "content": "harbor-api's dev server listens on port 8470, and HARBOR_PORT overrides it: 8000 is the tile server's.",
        "project": "harbor-api",
        "session_id": "a5fbccd9-5e0d-5b8f-a3fc-0cd1d7040645",
        "source_messages": ["e08974e6-8006-5d16-b2b1-b46da2f2f718", "b980f964-6cdb-532e-ab90-ed427f1e4483"],
        "related_files": ["harbor/settings.py", "compose.yaml"],
        "tags": ["dev-server"],
        "created_at": "2026-03-12T09:17:00Z",
    },
    {
        "id": "demo-numpy",
        "category": "decision",
        "content": "numpy stays below 2 until tide-model 3.0 ships wheels built against NumPy 2.",
        "project": "harbor-api",
        "session_id": "4f02137b-4bc6-5d45-965a-eaee49abe8fe",
        "source_messages": ["7d704d76-7a61-5e83-afca-d96ecdb2a4cd", "af58fc6a-9840-5f06-b931-be6f50f11ef9"],
        "related_files": ["pyproject.toml", "docs/adr/0007-numpy-below-2.md"],
        "tags": ["dependencies"],
        "created_at": "2026-04-02T07:56:00Z",
    },
    {
        "id": "demo-locks",
        "category": "gotcha",
        "content": "A migration of a large table waits 2 seconds for its lock at most, builds indexes concurrently,"
        " and backfills in batches: one that did not froze the ledger for four minutes.",
        "project": "ledger",
        "session_id": "cedcb206-bc60-527b-9f14-68899a4ff576",
        "source_messages": ["adad0640-69f3-5960-a3f7-942578a4bc7c", "76fadcb4-a9d9-58d5-8210-e45d303db3bc"],
        "related_files": ["docs/migrations.md"],
        "tags": ["migrations"],
        "created_at": "2026-05-19T14:40:00Z",
    },
)
"""Learnings with the messages they were drawn from."""
