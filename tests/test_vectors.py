"""The vectors of records can be read, page by page."""

import numpy as np
import pytest

from memory import Memory
from memory.errors import InvalidInput


def ids(pages):
    return [id for page in pages for id in page.ids]


def test_each_piece_has_a_row_of_length_one(memory, session):
    long = memory.messages.append(
        session.id, role="user", content="\n".join(f"the kettle is number {i}" for i in range(200))
    )
    short = memory.messages.append(session.id, role="user", content="paint it blue")

    [page] = memory.vectors()

    assert set(page.ids) == {long.id, short.id}
    assert page.ids.count(long.id) > 1
    assert page.vectors.shape[0] == len(page.ids)
    assert page.vectors.dtype == np.float32
    assert np.allclose(np.linalg.norm(page.vectors, axis=1), 1, atol=1e-3)


def test_pages_give_all_of_them_once_and_in_order(memory, session):
    said = memory.messages.append_many(session.id, [{"role": "user", "content": f"tea number {i}"} for i in range(25)])

    pages = list(memory.vectors(page_size=10))

    assert [len(page.ids) for page in pages] == [10, 10, 5]
    assert ids(pages) == [each.id for each in said]


def test_what_is_near_in_meaning_has_near_vectors(memory, session):
    for text in (
        "the database migration locked the table",
        "a lock on the table stopped the migration",
        "blue paint for the boat",
    ):
        memory.messages.append(session.id, role="user", content=text)

    [page] = memory.vectors()
    near, far = page.vectors[0] @ page.vectors[1], page.vectors[0] @ page.vectors[2]

    assert near > far


def test_deleted_records_other_kinds_and_other_workspaces_have_none(memory, session, tmp_path):
    kept = memory.messages.append(session.id, role="user", content="this stays")
    memory.messages.delete(memory.messages.append(session.id, role="user", content="this goes").id)
    learning = memory.learnings.add("fact", "tea is hot")

    assert ids(memory.vectors()) == [kept.id]
    assert ids(memory.vectors("learning")) == [learning.id]
    assert ids(memory.vectors("session")) == [session.id]
    with Memory.open(tmp_path / "store", workspace="other") as other:
        assert ids(other.vectors()) == []


@pytest.mark.parametrize(("kind", "size"), [("project", 10), ("message", 0)])
def test_a_kind_without_vectors_and_an_empty_page_are_refused(memory, kind, size):
    with pytest.raises(InvalidInput):
        memory.vectors(kind, page_size=size)
