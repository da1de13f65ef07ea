"""Every keyword engine finds the same, filters included."""

import random

import pytest

from indexers.document import AnyOf, Between, Document, Either, Not
from indexers.errors import IndexBroken, IndexBusy
from indexers.keyword import KeywordQuery, Term, phrase_of, terms_of
from indexers.keyword.in_memory import InMemoryEngine
from indexers.keyword.tantivy import TantivyEngine
from indexers.words import names, split

ATTRIBUTES = ("project", "role", "at")
WORDS = [
    "port",
    "numpy",
    "pinned",
    "tea",
    "kettle",
    "server",
    "docker",
    "migration",
    "locked",
    "table",
    "茶会議",
    "café",
    "parse_config",
    "HttpServer",
]


def made(key, text, **attributes):
    body, pairs = split(text)
    return Document(key, f"g{key}", f"{body}\n{names(body)[1]}", "", names(body)[0], pairs, attributes)


class OnDisk:
    def __init__(self, directory):
        self.engine = TantivyEngine(directory, ATTRIBUTES, ("at",))
        self.commits = 0

    def put(self, documents):
        with self.engine.writing() as writer:
            writer.put(documents)
            writer.commit({"seq": self.commits})
        self.commits += 1

    def remove(self, groups):
        with self.engine.writing() as writer:
            writer.remove(groups)
            writer.commit({"seq": self.commits})
        self.commits += 1

    def search(self, *args):
        return self.engine.search(*args)


@pytest.fixture(params=["in_memory", "tantivy"])
def engine(request, tmp_path):
    return InMemoryEngine() if request.param == "in_memory" else OnDisk(tmp_path / "keyword")


def keys(engine, text, conditions=(), limit=10):
    return [hit.key for hit in engine.search(KeywordQuery(terms_of(text.split())), conditions, limit).hits]


def test_the_document_with_more_and_rarer_words_comes_first(engine):
    engine.put([made(1, "the port is open"), made(2, "the port of numpy"), made(3, "tea")])

    assert keys(engine, "numpy port") == [2, 1]


def test_a_put_replaces_its_group_and_removed_is_not_found(engine):
    engine.put([made(1, "old kettle"), made(2, "other kettle")])
    engine.put([Document(3, "g1", "new kettle")])
    engine.remove(["g2"])

    assert keys(engine, "kettle") == [3]
    assert keys(engine, "old") == []


def test_filters_hold_for_every_hit(engine):
    engine.put([made(i, "port", project=i % 3, role=i % 2, at=i) for i in range(1, 31)])

    assert set(keys(engine, "port", (AnyOf("project", frozenset({1})),), 50)) == {i for i in range(1, 31) if i % 3 == 1}
    both = (AnyOf("project", frozenset({0, 2})), Between("at", 5, 9), Not(AnyOf("role", frozenset({1}))))
    assert set(keys(engine, "port", both, 50)) == {6, 8}
    assert keys(engine, "port", (Either(()),), 50) == []
    assert set(keys(engine, "port", (Either((Between("at", None, 2), Between("at", 30))),), 50)) == {1, 2, 30}


def test_identifiers_are_found_whole_in_parts_by_prefix_and_with_a_typo(engine):
    engine.put(
        [
            made(1, "call parseConfigFile in src/app/http_server.py"),
            made(2, "nothing of that"),
            made(3, "E0308 mismatched"),
        ]
    )

    for text in (
        "parseConfigFile",
        "config",
        "http_server.py",
        "src/app/http_server.py",
        "parseConf",
        "parseConfigFiel",
        "http_serv*",
    ):
        assert keys(engine, text) == [1], text
    assert keys(engine, "E0308") == [3]


def test_two_characters_of_chinese_find_text(engine):
    engine.put([made(1, "明天下午茶会议在三楼"), made(2, "数据库迁移")])

    assert keys(engine, "会议") == [1]
    assert keys(engine, "数据库") == [2]


def test_phrases_and_exclusions_are_word_for_word(engine):
    engine.put(
        [made(1, "why numpy is pinned below two"), made(2, "pinned is numpy"), made(3, "numpy is pinned here too")]
    )

    found = engine.search(KeywordQuery(terms_of(["numpy"]), phrases=(phrase_of("numpy is pinned"),)), (), 10).hits
    assert {hit.key for hit in found} == {1, 3}
    found = engine.search(KeywordQuery(terms_of(["numpy"]), excluded=(phrase_of("below two"),)), (), 10).hits
    assert {hit.key for hit in found} == {2, 3}


def test_no_hit_scores_more_than_the_best_possible(engine):
    engine.put([made(1, "port " * 200), made(2, "port numpy port numpy")])

    found = engine.search(KeywordQuery(terms_of(["port", "numpy"])), (), 10)

    assert all(0 < hit.score <= found.best_possible for hit in found.hits)


@pytest.mark.parametrize(
    "text", ["(" * 5000, "C:\\path\\x", "std::vector", "AND OR NOT", "field:", "*", '"', "\x00", "fo*"]
)
def test_no_text_is_an_error(engine, text):
    engine.put([made(1, "std::vector in C:\\path\\x and fork")])

    assert isinstance(keys(engine, text), list)


@pytest.mark.parametrize("word", ["Dampfschiff", "Donaudampf", "schiffahrt", "Muell", "loesen", "🚀", "ABC12"])
def test_engines_expand_alike(tmp_path, word):
    texts = ["die Donaudampfschiffahrt ruht", "der Müll", "wir lösen es", "launched 🚀", "番号ABC12です", "tea"]
    memory, disk = InMemoryEngine(), OnDisk(tmp_path / "keyword")
    for engine in (memory, disk):
        engine.put([made(key, text) for key, text in enumerate(texts, 1)])

    assert len(keys(memory, word)) == 1
    assert keys(memory, word) == keys(disk, word)


def test_engines_agree_on_random_data(tmp_path):
    random_ = random.Random(7)
    documents = [
        made(i, " ".join(random_.choices(WORDS, k=random_.randint(1, 30))), project=i % 4, role=i % 2, at=i)
        for i in range(1, 200)
    ]
    memory, disk = InMemoryEngine(), OnDisk(tmp_path / "keyword")
    for engine in (memory, disk):
        engine.put(documents)
    for _ in range(60):
        query = KeywordQuery(terms_of(random_.choices(WORDS, k=random_.randint(1, 4))))
        conditions = (
            AnyOf("project", frozenset(random_.sample(range(4), 2))),
            Between("at", random_.randint(0, 90), 180),
        )
        ours = {hit.key: hit.score for hit in memory.search(query, conditions, 500).hits}
        theirs = {hit.key: hit.score for hit in disk.search(query, conditions, 500).hits}
        assert ours.keys() == theirs.keys()
        assert all(abs(score - theirs[key]) < 0.06 * score for key, score in ours.items())


def test_the_mark_is_part_of_the_commit_and_seen_by_another_reader(tmp_path):
    writer, reader = TantivyEngine(tmp_path, ATTRIBUTES), TantivyEngine(tmp_path, ATTRIBUTES)
    with writer.writing() as writing:
        writing.put([made(1, "tea")])
        writing.commit({"seq": 7})

    reader.refresh()

    assert reader.mark == {"seq": 7}
    assert reader.documents() == 1


def test_a_second_writer_is_told_that_the_index_is_busy(tmp_path):
    first, second = TantivyEngine(tmp_path, ATTRIBUTES), TantivyEngine(tmp_path, ATTRIBUTES)
    with first.writing(), pytest.raises(IndexBusy), second.writing():
        pass


@pytest.mark.parametrize("damage", ["meta.json", ".pos", ".term", ".store"])
def test_a_damaged_index_says_that_it_is_broken(tmp_path, damage):
    engine = TantivyEngine(tmp_path, ATTRIBUTES)
    with engine.writing() as writing:
        writing.put([made(1, "tea")])
        writing.commit({"seq": 1})
    for file in tmp_path.glob(f"*{damage}"):
        file.write_bytes(b"") if damage == "meta.json" else file.unlink()

    with pytest.raises(IndexBroken):
        TantivyEngine(tmp_path, ATTRIBUTES)


def test_terms_are_capped_and_stop_words_go_unless_alone():
    assert len(terms_of([f"word{i}" for i in range(10_000)])) == 64
    assert terms_of(["who", "is", "the"]) != ()
    assert Term("body", "the") not in terms_of(["the", "port"])
