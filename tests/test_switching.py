"""Another embedder takes over once it has all its vectors; until then the one before answers."""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from indexers.embedders.static import MODEL_FOLDER, fingerprint
from indexers.errors import EmbedderError
from memory import Memory
from memory import filling as filling_module
from memory.errors import InvalidInput

TEXTS = ["we chose port 8470 for the server", "the cat sleeps on the sofa", "pancakes want flour, milk and eggs"]


def made(folder: Path, factor: int) -> str:
    """A static model of its own: the built-in one with its dimensions turned about."""
    shutil.copytree(MODEL_FOLDER, folder)
    tokens = np.load(folder / "tokens.npy")
    np.save(folder / "tokens.npy", np.ascontiguousarray(np.roll(tokens, factor, axis=1)))
    (folder / "model.json").write_text(f'{{"model": "turned-{factor}:{fingerprint(folder)}"}}')
    return f"static:{folder}"


@pytest.fixture(scope="module")
def turned(tmp_path_factory: pytest.TempPathFactory) -> str:
    return made(tmp_path_factory.mktemp("models") / "turned", 64)


@pytest.fixture(scope="module")
def third(tmp_path_factory: pytest.TempPathFactory) -> str:
    return made(tmp_path_factory.mktemp("models") / "third", 128)


@pytest.fixture
def talk(memory: Memory, session) -> Memory:
    memory.messages.append_many(session.id, [{"role": "user", "content": text} for text in TEXTS])
    return memory


def found(memory: Memory, query: str = "a kitten naps on the couch") -> str:
    result = memory.search(query, mode="semantic", min_score=0)
    assert [leg.fault for leg in result.legs] == [None]
    return result.hits[0].snippet.replace("<", "").replace(">", "")


def models(memory: Memory) -> list[str]:
    return [table.model.partition(":")[0] for table in memory.vector_stats().models]


def test_the_one_before_answers_until_all_vectors_are_made(talk, turned):
    choice = talk.choose_embedder(turned)

    assert (choice.answers, choice.coming) == ("static", turned)
    assert found(talk) == TEXTS[1]
    assert talk.reindex().vectors == 4
    assert (talk.vector_stats().embedder, talk.vector_stats().coming) == (turned, None)
    assert found(talk) == TEXTS[1]


def test_the_vectors_of_the_one_before_are_dropped(talk, turned):
    talk.choose_embedder(turned)
    talk.reindex()

    assert models(talk) == ["turned-64"]


def test_what_is_saved_meanwhile_is_found_before_and_after(talk, session, turned):
    talk.choose_embedder(turned)
    talk.messages.append(session.id, role="user", content="the bicycle has a flat tyre")

    assert found(talk, "a punctured wheel of a bike") == "the bicycle has a flat tyre"
    talk.reindex()
    assert found(talk, "a punctured wheel of a bike") == "the bicycle has a flat tyre"
    assert talk.vector_stats().models[0].vectors == 5


def test_what_is_changed_and_deleted_meanwhile_is_so_afterwards(talk, session, turned):
    first, second, _ = talk.messages.list(session_id=session.id).items
    talk.choose_embedder(turned)
    talk.messages.update(first.id, content="the bicycle has a flat tyre")
    talk.messages.delete(second.id)
    talk.reindex()

    hits = talk.search("a kitten naps on the couch", mode="semantic", min_score=0).hits
    assert found(talk, "a punctured wheel of a bike") == "the bicycle has a flat tyre"
    assert second.id not in [hit.id for hit in hits]


def test_an_open_program_notices(talk, tmp_path, turned):
    with Memory.open(tmp_path / "store") as other:
        assert found(other) == TEXTS[1]
        talk.choose_embedder(turned)
        talk.reindex()

        assert found(other) == TEXTS[1]
        assert other.vector_stats().embedder == turned
        other.messages.append(other.sessions.list().items[0].id, role="user", content="the bicycle has a flat tyre")
    assert talk.vector_stats().models[0].vectors == 5


def test_it_is_made_in_the_background(talk, turned, monkeypatch):
    monkeypatch.setattr(filling_module, "SETTLE_SECONDS", 0.01)
    talk.choose_embedder(turned)

    for _ in range(200):
        if talk.vector_stats().coming is None:
            break
        time.sleep(0.05)
    assert talk.vector_stats().embedder == turned
    assert found(talk) == TEXTS[1]


def test_vectors_that_a_fault_left_out_are_made_in_the_background(tmp_path, monkeypatch):
    with Memory.open(tmp_path / "s", embedder="nothing") as memory:
        session = memory.sessions.create(title="tea")
        memory.messages.append(session.id, role="user", content=TEXTS[1])
    monkeypatch.setattr(filling_module, "SETTLE_SECONDS", 0.01)
    with Memory.open(tmp_path / "s") as memory:
        for _ in range(200):
            # that they are there is told to searches a moment after they are written
            if not any(leg.fault for leg in memory.search("tea", mode="semantic").legs):
                break
            time.sleep(0.05)
        assert memory.vector_stats().models[0].vectors == 2
        assert found(memory) == TEXTS[1]


def test_a_program_that_only_searches_once_makes_nothing(talk, tmp_path, turned):
    talk.choose_embedder(turned)
    with Memory.open(tmp_path / "store") as other:
        other.search("tea")
    assert talk.vector_stats().coming == turned
    assert [each.vectors for each in talk.vector_stats().models] == [4]


def test_switching_back_in_the_middle_drops_what_was_made(talk, turned, monkeypatch):
    talk.choose_embedder(turned)
    monkeypatch.setattr(filling_module, "BATCH", 1)
    asked = iter([False, False, False, True, True, True])
    talk._filler.fill(lambda: next(asked))
    assert models(talk) == ["static-1", "turned-64"]

    choice = talk.choose_embedder("static")

    assert (choice.answers, choice.coming) == ("static", None)
    assert models(talk) == ["static-1"]
    assert found(talk) == TEXTS[1]


def test_a_third_in_the_middle_is_the_one_that_takes_over(talk, turned, third, monkeypatch):
    talk.choose_embedder(turned)
    monkeypatch.setattr(filling_module, "BATCH", 1)
    asked = iter([False, False, False, True, True, True])
    talk._filler.fill(lambda: next(asked))
    talk.choose_embedder(third)

    talk.reindex()

    assert models(talk) == ["turned-128"]
    assert found(talk) == TEXTS[1]


def test_one_that_cannot_be_opened_changes_nothing(talk):
    with pytest.raises(EmbedderError, match="no such folder"):
        talk.choose_embedder("static:/no/such/folder")

    assert talk.vector_stats().embedder == "static"
    assert talk.vector_stats().coming is None


def test_an_empty_store_has_it_at_once(memory, turned):
    assert memory.choose_embedder(turned).coming is None
    memory.messages.append(memory.sessions.create(title="pets").id, role="user", content=TEXTS[1])

    assert models(memory) == ["turned-64"]
    assert found(memory) == TEXTS[1]


def test_a_folder_is_found_from_anywhere(memory, tmp_path, monkeypatch):
    made(tmp_path / "model", 64)
    monkeypatch.chdir(tmp_path)

    assert memory.choose_embedder("static:model").answers == f"static:{tmp_path / 'model'}"


def test_no_embedder_chosen_means_that_of_the_settings(talk, turned):
    talk.choose_embedder(turned)
    talk.reindex()
    talk.choose_embedder(None)
    talk.reindex()

    assert talk.vector_stats().embedder == "static"
    assert models(talk) == ["static-1"]


def test_it_holds_for_all_workspaces(talk, tmp_path, turned):
    with Memory.open(tmp_path / "store", workspace="other") as other:
        other.messages.append(other.sessions.create(title="bikes").id, role="user", content="a flat tyre")
        talk.choose_embedder(turned)
        talk.reindex()

        assert other.vector_stats().embedder == turned
        assert found(other, "a punctured wheel of a bike") == "a flat tyre"


def test_one_that_fails_later_leaves_the_answers_to_the_one_before(talk, tmp_path):
    setting = made(tmp_path / "model", 64)
    talk.choose_embedder(setting)
    shutil.rmtree(tmp_path / "model")
    with Memory.open(tmp_path / "store") as other:
        with pytest.raises(EmbedderError, match="no such folder"):
            other.reindex()
        result = other.search("a kitten naps on the couch", mode="semantic", min_score=0)

    assert result.hits[0].snippet.endswith("sofa")
    assert "cannot take over yet" in (result.legs[0].fault or "")
    assert "no such folder" in (talk.vector_stats().fault or "")
    made(tmp_path / "model", 64)
    talk.reindex()
    assert talk.vector_stats().fault is None
    assert talk.vector_stats().embedder == setting


def test_a_save_that_was_embedded_before_the_switch_gets_its_vector_after_it(talk, session, turned):
    from memory.saving import passages_of

    message = talk.messages.list(session_id=session.id).items[0].model_copy(update={"id": "late", "seq": 99})
    message.content = "the bicycle has a flat tyre"
    prepared = talk.saver.prepare([passages_of(message)])
    talk.choose_embedder(turned)
    talk.reindex()
    with talk.store.transaction():
        talk.saver.write([message], prepared)

    assert talk.reindex().vectors == 1
    assert found(talk, "a punctured wheel of a bike") == "the bicycle has a flat tyre"


def test_pieces_without_a_known_word_are_tried_once(memory, session):
    memory.messages.append(session.id, role="user", content="\u200b\u200b")

    assert memory.reindex().vectors == 0
    assert not memory._filler.is_lacking()


def test_the_workspaces_setting_is_not_the_way(memory):
    with pytest.raises(InvalidInput, match="choose_embedder"):
        memory.settings.put("embedder", "static")


@pytest.mark.slow
def test_a_killed_switch_goes_on(tmp_path, turned):
    with Memory.open(tmp_path / "store") as memory:
        session = memory.sessions.create(title="many")
        many = [{"role": "user", "content": f"{text}, number {i}"} for i in range(2_000) for text in TEXTS]
        memory.messages.append_many(session.id, many)
        memory.choose_embedder(turned)
    code = (
        "import sys; from memory import Memory; memory = Memory.open(sys.argv[1]); print('open', flush=True);"
        " memory._filler.fill(on_progress=lambda *_: print('.', flush=True))"
    )
    process = subprocess.Popen([sys.executable, "-c", code, str(tmp_path / "store")], stdout=subprocess.PIPE)
    assert process.stdout is not None
    for _ in range(4):
        process.stdout.readline()
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    process.stdout.close()

    with Memory.open(tmp_path / "store") as memory:
        before = {each.model: each.vectors for each in memory.vector_stats().models}
        made_before = next(count for model, count in before.items() if model.startswith("turned"))
        assert 0 < made_before < 6_001
        assert found(memory).startswith(TEXTS[1])
        assert memory.reindex().vectors == 6_001 - made_before
        assert models(memory) == ["turned-64"]
        assert found(memory).startswith(TEXTS[1])


@pytest.mark.slow
def test_two_programs_make_each_vector_once(tmp_path, turned):
    with Memory.open(tmp_path / "store") as memory:
        session = memory.sessions.create(title="many")
        memory.messages.append_many(session.id, [{"role": "user", "content": f"port {i}"} for i in range(1_500)])
        memory.choose_embedder(turned)
        code = "import sys; from memory import Memory; print(Memory.open(sys.argv[1])._filler.fill())"
        two = [
            subprocess.Popen([sys.executable, "-c", code, str(tmp_path / "store")], stdout=subprocess.PIPE, text=True)
            for _ in range(2)
        ]
        counts = [int(process.communicate()[0]) for process in two]

        assert sum(counts) == 1_501
        assert memory.vector_stats().embedder == turned
