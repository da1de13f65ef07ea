"""The recall benchmark: its measures, its readers on tiny invented sets, and that it asks what others ask."""

import json
import sys
from pathlib import Path

import pytest

BENCHMARKS = str(Path(__file__).parents[1] / "benchmarks")


@pytest.fixture(autouse=True)
def _beside_the_benchmarks(monkeypatch):
    monkeypatch.syspath_prepend(BENCHMARKS)
    before = set(sys.modules)
    yield
    for name in set(sys.modules) - before:
        if name.startswith("recall"):
            del sys.modules[name]


@pytest.fixture
def written(tmp_path):
    def write(content, name="set.json"):
        path = tmp_path / name
        path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
        return path

    return write


LOCOMO = [
    {
        "sample_id": "harbour",
        "conversation": {
            "speaker_a": "Ida",
            "speaker_b": "Bo",
            "session_1_date_time": "1:56 pm on 8 May, 2023",
            "session_1": [
                {"speaker": "Ida", "dia_id": "D1:1", "text": "My kayak leaks."},
                {"speaker": "Bo", "dia_id": "D1:2", "text": "Look.", "blip_caption": "a red lighthouse"},
            ],
            "session_2_date_time": "9:00 am on 9 May, 2023",
            "session_2": [{"speaker": "Ida", "dia_id": "D2:1", "text": "I patched it with tar."}],
        },
        "qa": [
            {"question": "How was the kayak mended?", "evidence": ["D1:1; D2:1"], "category": 1},
            {"question": "Who sold the lighthouse?", "evidence": ["D1:2"], "category": 5},
            {"question": "Where is this from?", "evidence": ["D"], "category": 3},
        ],
    }
]


class TestMeasures:
    def test_shares_and_hits_look_at_the_first_k_only(self):
        from recall_measures import measure

        gold, ranked = {"a": 1.0, "b": 1.0}, ["x", "a", "y", "b"]

        assert [measure(name, gold, ranked) for name in ("R@3", "hit@1", "hit@2", "all@3", "all@4")] == [
            0.5,
            0,
            1,
            0,
            1,
        ]
        assert measure("MRR@10", gold, ranked) == 0.5
        assert measure("MRR@1", gold, ranked) == 0

    def test_an_id_that_comes_again_takes_no_place(self):
        from recall_measures import measure

        assert measure("hit@2", {"b": 1.0}, ["a", "a", "b"]) == 1

    def test_ndcg_weighs_grades_and_places(self):
        from recall_measures import measure

        assert measure("nDCG@10", {"a": 2.0, "b": 1.0}, ["a", "b"]) == pytest.approx(1)
        assert measure("nDCG@10", {"a": 1.0}, ["x", "a"]) == pytest.approx(0.6309, abs=1e-4)

    def test_the_area_under_the_curve_counts_ties_as_half(self):
        from recall_measures import area_under_roc

        assert area_under_roc([0.9, 0.5], [0.5, 0.1]) == pytest.approx(0.875)


class TestReaders:
    def test_locomo_gives_turns_sessions_and_who_spoke_when(self, written):
        from recall_locomo import read

        found = read(written(LOCOMO), "assistant")
        lighthouse = found.sessions[0].messages[1]

        assert [session.id for session in found.sessions] == ["harbour/1", "harbour/2"]
        assert (lighthouse.text, lighthouse.role, lighthouse.sender) == ("Look. [a red lighthouse]", "assistant", "Bo")
        assert f"{lighthouse.at:%d %b %H:%M:%S}" == "08 May 13:56:01"

    def test_locomo_gives_the_evidence_and_leaves_out_what_has_none(self, written):
        from recall_locomo import read

        kayak, lighthouse = read(written(LOCOMO)).questions

        assert kayak.messages.keys() == {"harbour/D1:1", "harbour/D2:1"}
        assert kayak.sessions.keys() == {"harbour/1", "harbour/2"}
        assert not lighthouse.is_answerable


def test_a_run_gives_a_row_a_table_and_a_mode(written):
    from recall import run
    from recall_locomo import TABLES, read
    from recall_systems import Product

    rows = run(read(written(LOCOMO)), [Product(["keyword", "hybrid"])])

    assert len(rows) == 2 * len(TABLES)
    assert [rows[0][name] for name in ("set", "system", "questions", "hit@1")] == ["locomo", "keyword", 2, 100.0]
    assert {row["system"] for row in rows} == {"keyword", "hybrid"}
