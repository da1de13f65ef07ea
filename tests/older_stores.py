"""Make a store look as older programs left it."""

from memory import Memory


def back_to(memory: Memory, schema: int) -> None:
    """Take out of a store what the migrations behind a schema brought, down to 2; close it before it is opened again."""
    rows = memory.store.database.rows
    for column in ("status", "length"):
        rows(f"alter table change drop column {column}")
    for table in ("token", "audit", "idempotency"):
        rows(f"drop table {table}")
    rows("update message set content = unpacked(content), parts = unpacked(parts)")
    if schema < 3:
        rows("drop table piece_tokens")
    rows(f"pragma user_version = {schema}")
