"""What every embedder promises, run on each that there is a file for and that can be opened here."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from embedder_models import NO_NETWORK, Server, serving

from indexers.embedders import Embedder, embed_queries, embedder_names, open_embedder
from indexers.embedders._rows import embed_with
from indexers.embedders.static import MODEL_FOLDER, StaticEmbedder
from indexers.errors import EmbedderError

REVISION = "0" * 40
TEXTS = [
    "Which port does the server listen on?",
    "def read_settings(path: Path) -> dict[str, object]:",
    "我们决定使用第八千号端口",
    "Crème brûlée à la carte",
    "x",
    "a much longer text, which says one thing and then another, so that a batch holds rows of many lengths. " * 9,
]


SETTINGS: dict[str, Callable[[pytest.FixtureRequest], str]] = {
    "static": lambda request: "static",
    "fastembed": lambda request: f"fastembed:{request.getfixturevalue('onnx_model')}",
    "openai_compatible": lambda request: request.getfixturevalue("steady_server").setting(),
    "sentence_transformers": lambda request: f"sentence_transformers:{request.getfixturevalue('minilm')}",
}
"""For each file what opens it; a new file without a line here fails."""


@pytest.fixture(scope="module", params=embedder_names())
def embedder(request: pytest.FixtureRequest) -> Embedder:
    return open_embedder(SETTINGS[request.param](request))


def test_one_row_a_text(embedder):
    vectors = embedder.embed(TEXTS)

    assert vectors.shape == (len(TEXTS), embedder.dim)
    assert vectors.dtype == np.float32


def test_no_texts_give_no_rows(embedder):
    assert embedder.embed([]).shape == (0, embedder.dim)


def test_dim_is_a_multiple_of_64(embedder):
    assert embedder.dim > 0
    assert embedder.dim % 64 == 0


def test_questions_have_rows_of_the_same_sort(embedder):
    texts = embedder.embed(["which port did we choose?", "a recipe for pancakes"])
    (question,) = embed_queries(embedder, ["which port did we choose?"])

    assert question.shape == (embedder.dim,)
    assert question @ texts[0] > question @ texts[1]


def test_the_model_is_named(embedder):
    assert embedder.model.strip()


def test_rows_have_length_1(embedder):
    lengths = np.linalg.norm(embedder.embed(TEXTS), axis=1)

    np.testing.assert_allclose(lengths, 1, atol=1e-5)


def test_the_same_text_gives_the_same_row_again(embedder):
    assert embedder.embed(TEXTS).tobytes() == embedder.embed(TEXTS).tobytes()


def test_a_batch_gives_the_rows_of_its_texts_alone(embedder):
    batch = embedder.embed(TEXTS)
    alone = np.concatenate([embedder.embed([text]) for text in TEXTS])

    assert (batch * alone).sum(axis=1).min() > 0.9999


def test_order_in_the_batch_does_not_matter(embedder):
    assert (embedder.embed(TEXTS[::-1])[::-1] * embedder.embed(TEXTS)).sum(axis=1).min() > 0.9999


@pytest.mark.parametrize(
    "text", ["", " \n\t ", "\x00", "a\x00b", "😀", "\ud800", "port \udfff 8470", "\u200b", "e\u0301"]
)
def test_odd_texts_give_a_row_of_length_1_or_0(embedder, text):
    (row,) = embedder.embed([text])

    assert np.linalg.norm(row) == pytest.approx(1, abs=1e-5) or not row.any()


def test_10_megabytes_are_embedded(embedder):
    (row,) = embedder.embed(["which port did we choose? " * 400_000])

    assert np.linalg.norm(row) == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize(
    ("text", "near", "far"),
    [
        ("the cat sat on the mat", "a kitten is lying on a rug", "quarterly revenue grew by nine percent"),
        ("how do I sort a list?", "sorted(items, key=len) orders a list", "we flew to Lisbon in March"),
        ("the build fails on Windows", "compile error in CI on a Windows machine", "she adopted a puppy"),
    ],
)
def test_what_is_alike_is_nearer(embedder, text, near, far):
    given, close, distant = embedder.embed([text, near, far])

    assert given @ close > given @ distant + 0.1


def test_a_blank_text_gives_zeros(embedder):
    assert not embedder.embed(["", " \n\t "]).any()
    assert embedder.embed(["", "port"])[1].any()


def test_threads_share_one(embedder):
    texts = [f"{'word ' * (number % 5)}server port {number}" for number in range(24)]

    with ThreadPoolExecutor(4) as pool:
        rows = list(pool.map(lambda text: embedder.embed([text])[0], texts))

    assert (np.array(rows) * embedder.embed(texts)).sum(axis=1).min() > 0.9999


def test_an_unknown_embedder_is_an_error_that_lists_those_there_are():
    with pytest.raises(EmbedderError, match=r"nonesuch.*static"):
        open_embedder("nonesuch")


class TestStatic:
    """What the built-in embedder promises besides."""

    def test_a_batch_is_equal_bit_for_bit(self, static):
        alone = b"".join(static.embed([text]).tobytes() for text in TEXTS)

        assert static.embed(TEXTS).tobytes() == alone

    @pytest.mark.parametrize("text", ["", " \n", "\x00", "😀", "\ud800", "\u200b\u200b"])
    def test_a_text_without_a_known_token_gives_zeros(self, static, text):
        assert not static.embed([text]).any()

    def test_equal_words_are_equal_tokens(self, static):
        (ids,) = static.token_ids(["port server port"])

        assert ids[0] == ids[2] != ids[1]
        assert ids.max() < len(static.token_vectors()) == len(static.token_weights())

    def test_token_vectors_have_length_1_or_0(self, static):
        lengths = np.linalg.norm(static.token_vectors(), axis=1)

        assert np.all((np.abs(lengths - 1) < 1e-5) | (lengths == 0))

    def test_rare_tokens_weigh_more(self, static):
        the, *_, lisbon = static.token_weights()[static.token_ids(["the city of lisbon"])[0]].tolist()

        assert the < lisbon <= 1

    def test_an_identifier_meets_its_words(self, static):
        assert static.token_ids(["getUserName"])[0].tolist() == static.token_ids(["get user name"])[0].tolist()

    def test_accents_and_case_do_not_part_words(self, static):
        first, *others = [ids.tolist() for ids in static.token_ids(["Café", "CAFE", "cafe\u0301", "cafe"])]

        assert all(other == first for other in others)

    @pytest.mark.parametrize(
        "text", ["东京都厅舍在哪里", "サーバーのポート番号", "서버 포트 번호", "порт сервера", "θύρα"]
    )
    def test_equal_words_meet_in_any_script(self, static, text):
        (row,) = static.embed([text])
        (longer,) = static.embed([f"{text} {text} ok"])

        assert row @ longer > 0.7

    def test_only_the_first_tokens_count(self, static):
        first, longer = static.embed(["port " * 512, "port " * 512 + "lisbon"])

        assert np.array_equal(first, longer)

    def test_the_model_is_named_by_its_data(self, static):
        assert static.model.startswith("static-1:")
        assert open_embedder(f"static:{MODEL_FOLDER}").model == static.model

    def test_a_folder_that_is_not_there_is_an_error(self, tmp_path):
        with pytest.raises(EmbedderError, match="no such folder"):
            open_embedder(f"static:{tmp_path / 'none'}")

    @pytest.mark.parametrize("name", ["model.json", "vocabulary.txt", "tokens.npy", "weights.npy"])
    def test_a_missing_file_is_an_error(self, model_copy, name):
        (model_copy / name).unlink()

        with pytest.raises(EmbedderError, match=name):
            open_embedder(f"static:{model_copy}")

    @pytest.mark.parametrize("name", ["model.json", "vocabulary.txt", "tokens.npy", "weights.npy"])
    def test_a_damaged_file_is_an_error(self, model_copy, name):
        whole = (model_copy / name).read_bytes()
        (model_copy / name).write_bytes(whole[: len(whole) // 2])

        with pytest.raises(EmbedderError, match=r"install the package again"):
            open_embedder(f"static:{model_copy}")

    def test_many_threads_share_one(self, static):
        texts = [f"word{number % 7} server port" for number in range(200)]

        with ThreadPoolExecutor(4) as pool:
            rows = list(pool.map(lambda text: static.embed([text])[0].tobytes(), texts))

        assert b"".join(rows) == static.embed(texts).tobytes()

    def test_it_is_at_most_16_megabytes(self):
        assert sum(path.stat().st_size for path in MODEL_FOLDER.iterdir()) <= 16_000_000


class TestSentenceTransformers:
    """What is so of models that torch runs."""

    def test_the_model_is_named_by_its_files(self, minilm, tmp_path):
        same = shutil.copytree(minilm, tmp_path / minilm.name)
        other = shutil.copytree(minilm, tmp_path / "other" / minilm.name)
        with (other / "model.safetensors").open("r+b") as file:
            file.seek(40_000_000)
            file.write(bytes(1_000_000))

        names = [open_embedder(f"sentence_transformers:{each}").model for each in (minilm, same, other)]

        assert names[0] == names[1] != names[2]

    @pytest.mark.slow
    def test_opening_loads_nothing_and_embedding_asks_no_network(self, minilm):
        code = NO_NETWORK + (
            "from indexers.embedders import open_embedder\n"
            "opened = open_embedder(sys.argv[1])\n"
            "assert opened.model and 'torch' not in sys.modules\n"
            "assert opened.embed(['port']).any()\n"
        )
        done = subprocess.run(
            [sys.executable, "-c", code, f"sentence_transformers:{minilm}"], capture_output=True, text=True, check=False
        )

        assert (done.returncode, done.stderr) == (0, "")

    @pytest.mark.slow
    def test_a_name_is_read_from_the_hubs_cache_without_a_network(self, minilm, tmp_path):
        copy = tmp_path / "models--sentence-transformers--all-MiniLM-L6-v2"
        shutil.copytree(minilm, copy / "snapshots" / REVISION)
        (copy / "refs").mkdir()
        (copy / "refs/main").write_text(REVISION)
        code = NO_NETWORK + (
            "from indexers.embedders import open_embedder\n"
            "opened = open_embedder('sentence_transformers:all-MiniLM-L6-v2')\n"
            "print(opened.model, opened.embed(['port']).any())\n"
        )
        done = subprocess.run(
            [sys.executable, "-c", code],
            capture_output=True,
            text=True,
            check=False,
            env={"PATH": os.environ["PATH"], "HOME": str(tmp_path), "HF_HUB_CACHE": str(tmp_path)},
        )

        assert re.fullmatch(
            r"sentence_transformers:sentence-transformers/all-MiniLM-L6-v2@[0-9a-f]{8} True\n", done.stdout
        )

    @pytest.mark.slow
    def test_a_name_without_a_copy_and_a_network_says_what_to_do(self, minilm, tmp_path):
        code = "from indexers.embedders import open_embedder; open_embedder('sentence_transformers:no-such-model')"
        closed = {"HF_HUB_CACHE": str(tmp_path), "HF_ENDPOINT": "http://127.0.0.1:9"}
        done = subprocess.run(
            [sys.executable, "-c", code],
            capture_output=True,
            text=True,
            check=False,
            env={"PATH": os.environ["PATH"], "HOME": str(tmp_path), **closed},
        )

        assert "connect to the network once to download it, or name a folder" in done.stderr.splitlines()[-1]

    def test_short_rows_are_filled_up(self):
        rows = embed_with("a model", ["one", ""], 8, lambda texts: np.array([[3.0, 4.0]] * len(texts), np.float32))

        assert rows.shape == (2, 64)
        np.testing.assert_allclose(rows[0, :2], [0.6, 0.8], atol=1e-6)
        assert not rows[1].any()

    @pytest.mark.parametrize(
        ("given", "word"), [([[float("nan")] * 64], "finite"), ([[1.0] * 64] * 2, "shape"), ([1.0] * 64, "shape")]
    )
    def test_what_is_no_row_a_text_is_an_error(self, given, word):
        with pytest.raises(EmbedderError, match=word):
            embed_with("a model", ["one"], 8, lambda texts: np.array(given, np.float32))

    @pytest.mark.parametrize(
        ("name", "word"), [("", "needs a model"), ("/no/such/folder", "no such folder"), ("EMPTY", "no weights")]
    )
    def test_what_cannot_be_opened_says_why(self, minilm, tmp_path, name, word):
        with pytest.raises(EmbedderError, match=word):
            open_embedder(f"sentence_transformers:{tmp_path if name == 'EMPTY' else name}")

    def test_damaged_weights_are_an_error_of_one_line(self, minilm, tmp_path):
        copy = shutil.copytree(minilm, tmp_path / "model")
        (copy / "model.safetensors").write_bytes(b"nothing")

        with pytest.raises(EmbedderError, match=r"cannot be loaded .*; mend the model or choose another") as caught:
            open_embedder(f"sentence_transformers:{copy}").embed(["port"])

        assert "\n" not in str(caught.value)


@pytest.fixture(scope="module")
def steady_server() -> Iterator[Server]:
    with serving() as running:
        yield running


@pytest.fixture(scope="module")
def static() -> StaticEmbedder:
    return StaticEmbedder(MODEL_FOLDER)


@pytest.fixture
def model_copy(tmp_path: Path) -> Path:
    return Path(shutil.copytree(MODEL_FOLDER, tmp_path / "model"))
