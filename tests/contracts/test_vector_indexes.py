"""Every vector index finds the same, filters included."""

from pathlib import Path

import numpy as np
import pytest

from indexers.document import AnyOf, Between, Not
from indexers.errors import DimensionError, VectorError
from indexers.vectors.exact import ExactIndex
from indexers.vectors.sqlite_vec import SqliteVecIndex, create_table, put_rows, remove_rows
from memory.store.sqlite import SqliteDatabase

DIM = 64


class InSqlite:
    def __init__(self, path: Path) -> None:
        self.database = SqliteDatabase(path)
        with self.database.transaction():
            create_table(self.database, "vectors_1", DIM)
        self.index = SqliteVecIndex(self.database, "vectors_1", DIM, {"project": np.dtype("i4"), "at": np.dtype("i8")})

    def put(self, keys, vectors, attributes):
        with self.database.transaction():
            put_rows(self.database, "vectors_1", DIM, keys, vectors, "m")
        self.index.append(np.asarray(keys), attributes)

    def remove(self, keys):
        with self.database.transaction():
            remove_rows(self.database, "vectors_1", keys)
        self.index.drop(np.asarray(keys))

    def search(self, *args):
        return self.index.search(*args)


@pytest.fixture(params=["exact", "sqlite_vec"])
def index(request, tmp_path):
    made = ExactIndex(DIM) if request.param == "exact" else InSqlite(tmp_path / "vectors.db")
    yield made
    if request.param == "sqlite_vec":
        made.database.close()


def unit(rows, seed=1):
    vectors = np.random.default_rng(seed).standard_normal((rows, DIM)).astype(np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def columns(rows):
    return {"project": np.arange(1, rows + 1) % 3, "at": np.arange(1, rows + 1)}


def test_a_vector_finds_itself_first_with_a_cosine_of_one(index):
    vectors = unit(50)
    index.put(list(range(1, 51)), vectors, columns(50))

    best = index.search(vectors[17], (), 3)[0]

    assert best.key == 18
    assert best.score == pytest.approx(1, abs=1e-5)


def test_removed_is_not_found(index):
    vectors = unit(10)
    index.put(list(range(1, 11)), vectors, columns(10))

    index.remove([4, 999])

    assert 4 not in [hit.key for hit in index.search(vectors[3], (), 10)]


def test_filters_hold_and_never_empty_an_answer(index):
    vectors = unit(900)
    index.put(list(range(1, 901)), vectors, columns(900))

    hits = index.search(vectors[0], (AnyOf("project", frozenset({2})), Between("at", 10, 400)), 20)
    none = index.search(vectors[0], (Not(Between("at")),), 20)

    assert len(hits) == 20
    assert all(hit.key % 3 == 2 and 10 <= hit.key <= 400 for hit in hits)
    assert none == []


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_vector_that_is_not_finite_is_refused(index, bad):
    vectors = unit(2)
    vectors[1, 0] = bad
    with pytest.raises(VectorError):
        index.put([1, 2], vectors, columns(2))
    with pytest.raises(VectorError):
        index.search(vectors[1], (), 5)


def test_zeros_and_other_lengths_are_refused(index):
    with pytest.raises(VectorError):
        index.put([1], np.zeros((1, DIM), np.float32), columns(1))
    with pytest.raises(DimensionError):
        index.put([1], unit(1)[:, :32], columns(1))
    with pytest.raises(DimensionError):
        index.search(unit(1)[0, :32], (), 5)


def test_sqlite_vec_finds_what_exact_search_finds(tmp_path):
    rows = 5000
    centres = unit(40, seed=3)
    vectors = centres[np.arange(rows) % 40] + 0.6 * unit(rows, seed=4)
    vectors = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    exact, stored = ExactIndex(DIM), InSqlite(tmp_path / "vectors.db")
    for each in (exact, stored):
        each.put(list(range(1, rows + 1)), vectors, columns(rows))
    fresh = SqliteVecIndex(stored.database, "vectors_1", DIM, {"project": np.dtype("i4"), "at": np.dtype("i8")})
    fresh.load(lambda keys: {"project": keys % 3, "at": keys})
    found = wanted = 0
    queries = centres[:30] + 0.6 * unit(30, seed=5)
    for query in (queries / np.linalg.norm(queries, axis=1, keepdims=True)).astype(np.float32):
        truth = {hit.key for hit in exact.search(query, (), 10)}
        assert [hit.key for hit in fresh.search(query, (), 10)] == [hit.key for hit in stored.search(query, (), 10)]
        found += len(truth & {hit.key for hit in stored.search(query, (), 10)})
        wanted += 10
    stored.database.close()
    assert found / wanted >= 0.9
