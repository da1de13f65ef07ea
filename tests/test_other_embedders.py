"""What is so of ONNX models and of servers, besides what every embedder promises."""

import os
import shutil
import socket
import subprocess
import sys
import time

import pytest
from embedder_models import NO_NETWORK, make_onnx

from indexers.embedders import embed_queries, open_embedder, openai_compatible
from indexers.errors import EmbedderError
from memory import Memory


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch):
    monkeypatch.setattr(openai_compatible, "FIRST_PAUSE_SECONDS", 0.01)


class TestServer:
    def test_texts_go_in_batches_and_come_back_in_order(self, server, monkeypatch):
        monkeypatch.setattr(openai_compatible, "BATCH", 2)
        rows = open_embedder(server.setting()).embed(["tea", "a port", "", "the cat sleeps", "tea"])

        assert [len(each["input"]) for each in server.asked] == [2, 2]
        assert server.asked[0]["model"] == "table"
        assert rows[0] @ rows[4] == pytest.approx(1)
        assert not rows[2].any()

    def test_opening_asks_nothing(self, server):
        assert open_embedder(server.setting("a/b@c")).model.startswith("openai_compatible:a/b@c@127.0.0.1:")
        assert server.asked == []

    def test_the_key_is_sent_and_never_said(self, server):
        server.key = "sesame-1234"
        assert open_embedder(server.setting(), key="sesame-1234").embed(["tea"]).any()

        with pytest.raises(EmbedderError, match=r"answered 401.*HARK_OPENAI_API_KEY") as caught:
            open_embedder(server.setting(), key="other-9876").embed(["tea"])
        assert "9876" not in str(caught.value)
        assert len(server.asked) == 2

    def test_without_a_key_none_is_sent(self, server):
        open_embedder(server.setting()).embed(["tea"])

        assert "Authorization" not in server.headers[0]

    @pytest.mark.parametrize("status", [429, 500, 503])
    def test_a_busy_server_is_asked_again(self, server, status):
        server.answers = [(status, {"Retry-After": "0"}, b"busy")] * 2

        assert open_embedder(server.setting()).embed(["tea"] * 20).any()
        assert len(server.asked) == 3

    def test_the_server_says_how_long_to_wait(self, server):
        server.answers = [(429, {"Retry-After": "0.4"}, b"")]
        started = time.monotonic()
        open_embedder(server.setting()).embed(["tea"])

        assert time.monotonic() - started > 0.3

    def test_one_that_goes_on_failing_is_an_error(self, server):
        server.answers = [(500, {}, b'{"error": "out of memory"}')] * 9

        with pytest.raises(EmbedderError, match=r"answered 500 \(out of memory\)"):
            open_embedder(server.setting()).embed(["tea"] * 20)
        assert len(server.asked) == openai_compatible.TRIES

    @pytest.mark.parametrize("is_query", [True, False])
    def test_a_question_and_one_save_have_less_patience(self, server, is_query):
        server.answers = [(500, {}, b"")] * 9
        embedder = open_embedder(server.setting())

        with pytest.raises(EmbedderError, match="500"):
            embed_queries(embedder, ["tea"]) if is_query else embedder.embed(["tea"])
        assert len(server.asked) == openai_compatible.QUERY_TRIES

    @pytest.mark.parametrize(
        "answer",
        [
            b"", b"<html>", b"[]", b"{}", b'{"data": 1}', b'{"data": [{"index": 0}]}', b"[" * 100_000, b'{"data": []}',
            b'{"data": [{"index": 0, "embedding": "AAAA"}]}', b'{"data": [{"index": 1, "embedding": [1.0]}]}',
            b'{"data": [{"index": 0, "embedding": []}]}', b'{"data": [{"index": 0, "embedding": [NaN, 1]}]}',
            b'{"data": [{"index": 0, "embedding": [[1.0]]}]}',
        ],
    )  # fmt: skip
    def test_what_is_no_embedding_is_an_error_of_one_line(self, server, answer):
        server.answers = [(200, {}, answer)]

        with pytest.raises(EmbedderError, match=r"; (see|choose)") as caught:
            open_embedder(server.setting()).embed(["tea"])
        assert "\n" not in str(caught.value)

    def test_another_length_than_before_is_an_error(self, server):
        embedder = open_embedder(server.setting())
        embedder.embed(["tea"])
        server.dim = 128

        with pytest.raises(EmbedderError, match="128 numbers, before 256"):
            embedder.embed(["tea"])

    def test_a_slow_one_is_given_up(self, server, monkeypatch):
        monkeypatch.setattr(openai_compatible, "QUERY_WAIT_SECONDS", 0.1)
        server.pause_seconds = 5.0
        started = time.monotonic()

        with pytest.raises(EmbedderError, match=r"no answer in 0\.1 seconds"):
            embed_queries(open_embedder(server.setting()), ["tea"])
        assert time.monotonic() - started < 3

    def test_a_closed_port_is_said_at_once(self):
        with socket.socket() as bound:
            bound.bind(("127.0.0.1", 0))
            port = bound.getsockname()[1]
        with pytest.raises(EmbedderError, match="cannot be reached"):
            open_embedder(f"openai_compatible:table@http://127.0.0.1:{port}/v1").embed(["tea"])

    def test_a_redirect_is_not_followed(self, server):
        server.answers = [(307, {"Location": "http://127.0.0.1:9/elsewhere"}, b"")]

        with pytest.raises(EmbedderError, match="sends elsewhere, to http://127"):
            open_embedder(server.setting(), key="sesame").embed(["tea"])
        assert len(server.asked) == 1

    @pytest.mark.parametrize(
        "name", ["", "table", "table@localhost", "table@ftp://x/v1", "table@http:///v1", "table@http://me:pw@host/v1"]
    )
    def test_a_setting_that_names_no_server_is_an_error(self, name):
        with pytest.raises(EmbedderError, match="openai_compatible") as caught:
            open_embedder(f"openai_compatible:{name}")
        assert "pw" not in str(caught.value)

    def test_a_store_finds_through_it_and_goes_on_without_it(self, server, tmp_path, monkeypatch):
        monkeypatch.setenv("HARK_OPENAI_API_KEY", "sesame-1234")
        server.key = "sesame-1234"
        with Memory.open(tmp_path / "s") as memory:
            memory.choose_embedder(server.setting())
            session = memory.sessions.create(title="pets")
            memory.messages.append(session.id, role="user", content="the cat sleeps on the sofa")
            assert memory.search("a kitten naps", mode="semantic", min_score=0).hits

            server.answers = [(500, {}, b"")] * 99
            late = memory.messages.append(session.id, role="user", content="pancakes want flour")
            result = memory.search("pancakes")
            assert [hit.id for hit in result.hits] == [late.id]
            assert any("answered 500" in (leg.fault or "") for leg in result.legs)

            server.answers = []
            assert memory.reindex().vectors == 1
        assert b"sesame" not in b"".join(path.read_bytes() for path in (tmp_path / "s").glob("store.db*"))

    def test_a_server_with_another_model_under_the_same_name_spoils_no_save(self, server, tmp_path):
        with Memory.open(tmp_path / "s", embedder=server.setting()) as memory:
            session = memory.sessions.create(title="pets")
        server.dim = 128
        with Memory.open(tmp_path / "s", embedder=server.setting()) as memory:
            memory.messages.append(session.id, role="user", content="the cat sleeps")
            assert memory.search("cat").hits
            assert "128" in (memory.saver.fault or "")


class TestOnnx:
    def test_the_mean_is_taken_as_the_folder_says(self, onnx_model, tmp_path):
        first = make_onnx(tmp_path / "first", "cls")
        mean, cls = (open_embedder(f"fastembed:{each}") for each in (onnx_model, first))

        assert mean.model != cls.model
        assert cls.embed(["server port"])[0] @ cls.embed(["server lisbon"])[0] == pytest.approx(1, abs=1e-5)
        assert mean.embed(["server port"])[0] @ mean.embed(["server lisbon"])[0] < 0.95

    def test_it_gives_what_the_table_gives(self, onnx_model):
        texts = ["which port does the server listen on", "pancakes want flour"]
        same = (open_embedder(f"fastembed:{onnx_model}").embed(texts) * open_embedder("static").embed(texts)).sum(
            axis=1
        )

        assert same.min() > 0.99

    def test_opening_a_folder_loads_nothing_and_no_network_is_asked(self, onnx_model):
        code = NO_NETWORK + (
            "from indexers.embedders import open_embedder\n"
            "opened = open_embedder(sys.argv[1])\n"
            "assert opened.model and 'onnxruntime' not in sys.modules\n"
            "assert opened.embed(['port']).any()\n"
        )
        done = subprocess.run(
            [sys.executable, "-c", code, f"fastembed:{onnx_model}"], capture_output=True, text=True, check=False
        )

        assert (done.returncode, done.stderr) == (0, "")

    def test_a_name_without_a_copy_and_a_network_says_what_to_do(self, onnx_model, tmp_path):
        code = "from indexers.embedders import open_embedder; open_embedder('fastembed:BAAI/bge-small-en-v1.5')"
        closed = {
            "HF_HUB_CACHE": str(tmp_path),
            "FASTEMBED_CACHE_PATH": str(tmp_path),
            "HF_ENDPOINT": "http://127.0.0.1:9",
        }
        done = subprocess.run(
            [sys.executable, "-c", code],
            capture_output=True,
            text=True,
            check=False,
            env={"PATH": os.environ["PATH"], "HOME": str(tmp_path), **closed},
        )

        assert "connect to the network once to download it, or name a folder" in done.stderr.splitlines()[-1]

    @pytest.mark.parametrize(
        ("name", "word"), [("", "needs a model"), ("/no/such/folder", "no such folder"), ("no/such-model", "lists")]
    )
    def test_what_cannot_be_opened_says_why(self, onnx_model, name, word):
        with pytest.raises(EmbedderError, match=word):
            open_embedder(f"fastembed:{name}")

    @pytest.mark.parametrize("name", ["model.onnx", "tokenizer.json", "tokenizer_config.json"])
    def test_a_damaged_folder_is_an_error_of_one_line(self, onnx_model, tmp_path, name):
        copy = shutil.copytree(onnx_model, tmp_path / "model")
        (copy / name).write_bytes(b"nothing")

        with pytest.raises(EmbedderError, match=r"cannot be loaded .*; mend the model or choose another") as caught:
            open_embedder(f"fastembed:{copy}").embed(["port"])
        assert "\n" not in str(caught.value)

    def test_a_store_switches_to_it(self, onnx_model, memory, session):
        memory.messages.append(session.id, role="user", content="the cat sleeps on the sofa")
        memory.choose_embedder(f"fastembed:{onnx_model}")
        memory.reindex()
        memory.messages.append(session.id, role="user", content="pancakes want flour")

        found = memory.search("a kitten naps on the couch", mode="semantic", min_score=0)
        assert "sofa" in found.hits[0].snippet
        assert [(each.vectors, each.dim) for each in memory.vector_stats().models] == [(3, 256)]


def test_a_store_switches_to_a_model_of_sentence_transformers(minilm, memory, session):
    memory.messages.append(session.id, role="user", content="the cat sleeps on the sofa")
    memory.choose_embedder(f"sentence_transformers:{minilm}")
    memory.reindex()

    found = memory.search("a kitten naps on the couch", mode="semantic", min_score=0)
    assert "sofa" in found.hits[0].snippet
    assert [each.dim for each in memory.vector_stats().models] == [384]
