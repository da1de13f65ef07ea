"""The recall benchmark: its measures, its readers on tiny invented sets, and that it asks what others ask."""

import json
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from memory import Memory
from memory.api.cli.main import main

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

    def test_cosqa_gives_every_function_and_the_one_that_is_gold(self, tmp_path):
        from recall_documents import read_cosqa

        (tmp_path / "code_idx_map.txt").write_text(json.dumps({"def tie(): ...": 0, "def sail(): ...": 1}))
        asked = [{"doc": "how to sail in python", "code": "def sail(): ...", "label": 1, "retrieval_idx": 1}]
        (tmp_path / "cosqa-retrieval-dev-500.json").write_text(json.dumps(asked))
        found = read_cosqa(tmp_path)
        said = {message.id: message.text for session in found.sessions for message in session.messages}

        assert [said[id] for id in found.questions[0].messages] == ["def sail(): ..."]
        assert len(said) == 2

    def test_cranfield_counts_questions_by_place_and_leaves_out_what_is_not_relevant(self, tmp_path):
        from recall_documents import read_cranfield

        document = "<doc>\n<docno>{}</docno>\n<title>of wings</title>\n<text>{}</text>\n</doc>\n"
        (tmp_path / "cran.all.1400.xml").write_text(document.format(1, "lift &amp; drag .") + document.format(2, ""))
        query = "<top>\n<num> {}</num>\n<title>\n{}\n</title>\n</top>\n"
        queries = query.format(1, "who") + query.format(4, "what makes\nlift")
        (tmp_path / "cran.qry.xml").write_text(f"<xml>{queries}</xml>")
        (tmp_path / "cranqrel.trec.txt").write_text("2 0 1 2\r\n2 0 2 0\r\n")
        found = read_cranfield(tmp_path)

        assert [session.messages[0].text for session in found.sessions] == ["lift & drag .", "of wings"]
        assert [(each.text, each.messages) for each in found.questions] == [("what makes lift", {"cranfield-1": 2.0})]

    def test_realmem_asks_what_came_before_and_keeps_the_order_of_the_file(self, written):
        from recall_realmem import has_known_turns, read

        def dialogue(uuid, day, turns, drawn=()):
            named = {"session_uuid": uuid, "current_time": f"{day} (Monday)", "extracted_memory": list(drawn)}
            return {**named, "session_identifier": uuid, "dialogue_turns": turns}

        drawn = {"session_uuid": "a1", "content": "Ida rows.", "source_content_snapshot": "I row.", "source_turn": 1}
        first = dialogue("a1", "2025-12-22", [{"speaker": "User", "content": "I row. ", "is_query": False}], [drawn])
        asked = [
            {"speaker": "User", "content": "What boat?", "is_query": True, "query_id": "Q-1"},
            {"speaker": "Assistant", "content": "A skiff.", "is_query": False, "memory_session_uuids": ["a1"]},
        ]
        asked[1]["memory_used"] = [{"session_uuid": "a1", "content": "Ida rows."}]
        person = {"_metadata": {"person_name": "Ida"}, "dialogues": [first, dialogue("b2", "2025-12-20", asked)]}
        found = read(written(person))
        [question] = found.questions

        assert (question.sessions.keys(), question.messages.keys()) == ({"Ida/a1"}, {"Ida/a1/0"})
        assert question.before == found.sessions[1].at > found.sessions[0].at
        assert has_known_turns(question)

    def test_longmemeval_has_a_haystack_a_question(self, written):
        from recall_longmemeval import read

        haystack = [
            [
                {"role": "user", "content": "I keep bees.", "has_answer": True},
                {"role": "assistant", "content": "How many?"},
            ],
            [{"role": "user", "content": "It rains."}],
        ]
        entry = {
            "question_id": "q1", "question_type": "single-session-user", "question": "What do I keep?", "answer": "bees",
            "question_date": "2023/05/30 (Tue) 23:40", "haystack_dates": ["2023/05/20 (Sat) 02:21", "2023/05/21 (Sun) 10:00"],
            "haystack_session_ids": ["answer_1", "rain"], "haystack_sessions": haystack, "answer_session_ids": ["answer_1"],
        }  # fmt: skip
        found = read(written([entry, {**entry, "question_id": "q2_abs"}]))

        assert [session.corpus for session in found.sessions] == ["q1", "q1", "q2_abs", "q2_abs"]
        assert found.questions[0].sessions.keys() == {"q1/0/answer_1"}
        assert found.questions[0].messages.keys() == {"q1/0/answer_1/0"}
        assert [question.is_answerable for question in found.questions] == [True, False]
        assert f"{found.sessions[0].messages[1].at:%Y-%m-%d %H:%M:%S}" == "2023-05-20 02:21:01"

    def test_fewer_questions_leave_out_the_corpora_that_nobody_asks_about(self, written):
        from recall_longmemeval import TABLES
        from recall_sets import GivenSession, Question, RecallSet

        sessions = [GivenSession(name, name, []) for name in "abcd"]
        found = RecallSet("x", "", sessions, [Question("?", corpus=name) for name in "abcd"], TABLES)
        found.narrow(2)

        assert [session.id for session in found.sessions] == ["a", "c"]

    def test_histories_ask_for_titles_that_are_then_gone(self, tmp_path):
        from recall_histories import read

        said = {
            "type": "user",
            "sessionId": "s1",
            "uuid": "u1",
            "parentUuid": None,
            "timestamp": "2026-01-02T03:04:05Z",
        }
        prompt = {**said, "message": {"role": "user", "content": "Why does the bilge pump stop at night?"}}
        title = {"type": "ai-title", "aiTitle": "Marine drainage fault", "sessionId": "s1"}
        place = tmp_path / "claude-code" / "boats" / "s1.jsonl"
        place.parent.mkdir(parents=True)
        place.write_text("".join(json.dumps(line) + "\n" for line in (prompt, title)))
        found = read(tmp_path)
        with Memory.open(tmp_path / "store") as memory:
            found.save(memory)
            [session] = memory.sessions.list().items

            assert [(each.text, each.kind) for each in found.questions] == [("Marine drainage fault", "given")]
            assert found.questions[0].sessions.keys() == {session.id}
            assert session.title is None
            assert memory.search("Marine drainage", mode="title", min_score=0).hits == []

    def test_histories_ask_which_files_a_prompt_changed(self, tmp_path):
        from recall_histories import read

        def line(uuid, minute, role, content):
            told = {"type": role, "sessionId": "s1", "uuid": uuid, "timestamp": f"2026-01-02T03:{minute:02d}:05Z"}
            return {**told, "message": {"role": role, "content": content}}

        def edit(uuid, minute, path):
            call = {"type": "tool_use", "id": f"t{uuid}", "name": "Write", "input": {"file_path": path, "content": "x"}}
            done = {"type": "tool_result", "tool_use_id": f"t{uuid}", "content": "ok"}
            return [line(uuid, minute, "assistant", [call]), line(f"{uuid}r", minute, "user", [done])]

        lines = [
            line("u1", 1, "user", "Write the tide tables for the harbour"),
            *edit("u2", 2, "/boat/tides.md"),
            line("u3", 3, "user", "go on"),
            *edit("u4", 4, "/boat/more.md"),
            line("u5", 5, "user", "Draw the lighthouse beside the pier"),
            *edit("u6", 6, "/boat/pier.svg"),
        ]
        place = tmp_path / "claude-code" / "boats" / "s1.jsonl"
        place.parent.mkdir(parents=True)
        place.write_text("".join(json.dumps(each) + "\n" for each in lines))
        asked = [(each.text[:5], list(each.files)) for each in read(tmp_path).questions if each.files]

        assert asked == [("Write", ["/boat/tides.md"]), ("Draw ", ["/boat/pier.svg"])]


def test_a_run_gives_a_row_a_table_and_a_mode(written):
    from recall import run
    from recall_locomo import TABLES, read
    from recall_systems import Product

    rows = run(read(written(LOCOMO)), [Product(["keyword", "hybrid"])])

    assert len(rows) == 2 * len(TABLES)
    assert [rows[0][name] for name in ("set", "system", "questions", "hit@1")] == ["locomo", "keyword", 2, 100.0]
    assert {row["system"] for row in rows} == {"keyword", "hybrid"}


def test_the_script_asks_a_part_and_prints_and_writes_the_tables_that_were_named(
    written, tmp_path, monkeypatch, capsys
):
    import recall

    rows = tmp_path / "rows.json"
    given = ["locomo", "--path", str(written(LOCOMO)), "--systems", "keyword", "--part", "1/2", "--table", "turns, own"]
    monkeypatch.setattr(sys, "argv", ["recall.py", *given, "--json", str(rows)])
    recall.main()
    shown = capsys.readouterr().out

    assert "1 corpora, 2 sessions, 3 messages, 1 questions" in shown
    assert "turns, own conversation, categories 1-4" in shown
    assert "sessions, own" not in shown
    assert [row["questions"] for row in json.loads(rows.read_text(encoding="utf-8"))] == [1, 1]


def test_a_fused_answer_below_its_best_leg_is_named(written):
    from recall import printed
    from recall_locomo import read

    found = read(written(LOCOMO))
    title = found.tables[0].title
    rows = [
        {"table": title, "system": "keyword", "R@10": 60.0, "hit@1": 30.0},
        {"table": title, "system": "hybrid", "R@10": 59.9, "hit@1": 30.0},
    ]

    assert printed(found, rows).splitlines()[-1] == "  hybrid is below keyword: R@10 59.9 against 60.0"


def test_an_ablation_changes_the_recipe_for_its_own_row_alone(monkeypatch):
    import recall_systems
    from recall_sets import Question

    from memory.search.recipe import RECIPE

    class Listening:
        recipe = RECIPE

        def search(self, text, **given):
            return SimpleNamespace(hits=[SimpleNamespace(id=given["mode"], score=self.recipe.late)])

    monkeypatch.setitem(recall_systems.ABLATIONS, "of a test", {"late": 0.0})
    product = recall_systems.Product(["keyword", "hybrid"], ablate=True)
    product._memory = Listening()
    answers = [
        product.ask(way, Question("?"), "message", True) for way in [*product.ways[:2], product.ways[-1], "hybrid"]
    ]

    usual = RECIPE.late
    assert product.ways[-1] == "hybrid, of a test"
    assert answers == [[("keyword", usual)], [("hybrid", usual)], [("hybrid", 0.0)], [("hybrid", usual)]]


def test_every_ablation_changes_something_that_the_recipe_has():
    from dataclasses import replace

    from recall_ablations import ABLATIONS

    from memory.search.recipe import RECIPE

    for name, changed in ABLATIONS.items():
        assert replace(RECIPE, **changed) != RECIPE, name


def test_a_system_that_is_not_installed_is_said_to_be_missing(written):
    from recall import printed, run
    from recall_locomo import read
    from recall_others import Other, Vectors

    class Absent(Other):
        package = "no-such-package-is-installed"

    found = read(written(LOCOMO))
    shown = printed(found, run(found, [Absent(["Absent"], Vectors("static"))]))

    assert "Absent (not installed; `pip install no-such-package-is-installed`)" in shown


def test_other_systems_rank_sessions_by_their_best_message_and_get_who_spoke(written):
    from recall_locomo import read
    from recall_others import Other, Vectors

    class Recorded(Other):
        package = "json"

        def _make(self, folder, rows):
            self.rows = rows

        def _search(self, way, text, narrowed, limit):
            self.narrowed = narrowed
            return [("m1", "s2", 0.9), ("m2", "s1", 0.8), ("m3", "s2", 0.7)]

    found = read(written(LOCOMO))
    system = Recorded(["x"], Vectors("static"))
    system.fill(found)

    answer = system.ask("x", found.questions[0], "session", False)
    system.close()

    assert answer == [("s2", 0.9), ("s1", 0.8)]
    assert system.narrowed == {"corpus": "harbour"}
    assert [row["text"] for row in system.rows][2] == "Ida: I patched it with tar."


@pytest.mark.parametrize(
    ("name", "content"), [("locomo", [{"qa": []}]), ("locomo", "not JSON"), ("cosqa", {}), ("longmemeval", [])]
)
def test_a_file_of_something_else_gets_one_line(written, name, content):
    from recall import found_sets

    path = written(content)

    with pytest.raises(SystemExit, match=r"set\.json.*; give the "):
        list(found_sets([name], path, roles="user"))


@pytest.mark.parametrize(
    "question", ["tide table", "why did the test fail?", "rounding of invoices", "port 8470", 'a -b "c"']
)
def test_the_command_line_and_the_benchmark_rank_as_the_library_does(tmp_path, question, capsys):
    from recall_sets import Question, RecallSet
    from recall_systems import Product

    samples = Path(__file__).parents[1] / "memory/samples"
    store = tmp_path / "store"
    with Memory.open(store) as memory:
        memory.import_(samples)
        of_library = [hit.id for hit in memory.search(question).hits]
        asked_so = [hit.id for hit in memory.search(question, min_score=0, fold=False).hits]
        with pytest.raises(SystemExit):
            main(["--store", str(store), "search", question, "--json"])
        of_command_line = [hit["id"] for hit in json.loads(capsys.readouterr().out)["hits"]]
        product = Product(["hybrid"])
        product.fill(RecallSet("samples", "", [], [], (), lambda other: other.import_(samples)))
        of_benchmark = [id for id, _ in product.ask("hybrid", Question(question), "message", True)]
        product.close()

    assert of_library
    assert of_command_line == of_library
    assert of_benchmark == asked_so
