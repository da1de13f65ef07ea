"""A reranker looks again at the best hits, and is never in the way."""

import numpy as np
import pytest
from test_rerankers import make_cross_encoder

from indexers.errors import EmbedderError
from memory import Memory
from memory.search import rerank
from memory.search.rerank import Reranking

TEXTS = ["the server listens on port 8470", "a port wine for the cook", "the port of the server is open", "tea for two"]


class Counting:
    """Scores a text by how often a word stands in it."""

    model = "counting"

    def __init__(self, word):
        self.word = word
        self.read = []

    def score(self, query, texts):
        self.read.append(list(texts))
        return np.array([text.count(self.word) for text in texts], np.float32)


class Failing:
    model = "failing"

    def score(self, query, texts):
        raise EmbedderError("failing cannot score")


@pytest.fixture
def ports(memory, session):
    for number, text in enumerate(TEXTS):
        memory.messages.append(session.id, role="user", content=text, id=f"m{number}", sender_id="ann")
    return memory


def chosen(memory, reranker):
    opened = []

    def opens():
        opened.append(reranker)
        return reranker

    memory._searcher.finder.reranking = Reranking(opens)
    return opened


def ids(memory, query="port server", **arguments):
    return [hit.id for hit in memory.search(query, min_score=0, **arguments).hits]


def leg(memory, query="port server"):
    return leg_of(memory.search(query))


def leg_of(result):
    return next((each for each in result.legs if each.name == "rerank"), None)


def test_without_a_reranker_there_is_no_such_leg(ports):
    assert leg(ports) is None
    assert ports._searcher.finder.reranking is None


def test_what_the_model_prefers_comes_first(ports):
    before = ids(ports)
    chosen(ports, Counting("wine"))

    assert before[0] != "m1"
    assert ids(ports)[0] == "m1"
    assert sorted(ids(ports)) == sorted(before)


def test_a_model_without_an_opinion_changes_nothing(ports):
    before = ids(ports)
    chosen(ports, Counting("zeppelin"))

    assert ids(ports) == before


def test_its_rank_score_and_time_are_said(ports):
    chosen(ports, Counting("wine"))
    result = ports.search("port server", min_score=0)
    said = leg_of(result)

    assert (result.hits[0].why["rerank"].rank, result.hits[0].why["rerank"].score) == (1, 1.0)
    assert (said.fault, said.found) == (None, len(TEXTS))
    assert [hit.score for hit in result.hits] == sorted((hit.score for hit in result.hits), reverse=True)


def test_it_reads_the_query_with_who_said_a_text_and_the_best_only(ports, monkeypatch):
    monkeypatch.setattr(rerank, "MOST_READ", 2)
    before = ids(ports)
    reader = Counting("ann: ")
    chosen(ports, reader)

    assert ids(ports) == before
    assert [len(texts) for texts in reader.read] == [2]
    assert all(text.startswith("ann: ") for text in reader.read[0])


def test_it_is_opened_once_and_at_the_first_hybrid_search(ports):
    opened = chosen(ports, Counting("port"))
    for mode in ("keyword", "semantic", "title"):
        ids(ports, mode=mode)
    assert opened == []

    ids(ports)
    ids(ports)
    assert len(opened) == 1


def test_a_fault_is_named_and_the_order_stays(ports):
    before = ids(ports)
    chosen(ports, Failing())

    assert ids(ports) == before
    assert leg(ports).fault == "failing cannot score"


def test_after_a_fault_it_is_left_alone_for_a_while(ports, monkeypatch):
    opened = chosen(ports, Failing())
    ports._searcher.finder.reranking._opens = lambda: opened.append(1) or (_ for _ in ()).throw(EmbedderError("gone"))
    for _ in range(3):
        assert leg(ports).fault == "gone"
    assert opened == [1]

    monkeypatch.setattr(rerank, "PATIENCE_SECONDS", 0.0)
    assert leg(ports).fault == "gone"
    assert opened == [1, 1]


def test_a_setting_that_names_no_reranker_is_said_in_the_answer(tmp_path):
    with Memory.open(tmp_path / "s", reranker="magic") as memory:
        session = memory.sessions.create(title="x")
        memory.messages.append(session.id, role="user", content="the kettle whistles")

        assert len(memory.search("kettle").hits) == 1
        assert "no reranker is called 'magic'" in leg(memory, "kettle").fault


def test_a_cross_encoder_scores_the_hits(tmp_path):
    folder = make_cross_encoder(tmp_path / "tiny")
    with Memory.open(tmp_path / "s", reranker=f"cross_encoder:{folder}") as memory:
        session = memory.sessions.create(title="x")
        for text in TEXTS:
            memory.messages.append(session.id, role="user", content=text)
        result = memory.search("port server", min_score=0)

    assert leg_of(result).fault is None
    assert all("rerank" in hit.why for hit in result.hits)
