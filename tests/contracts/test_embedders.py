"""What every embedder promises, run on each that there is a file for and that can be opened here."""

import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from indexers.embedders import Embedder, embedder_names, open_embedder
from indexers.embedders.static import MODEL_FOLDER, StaticEmbedder
from indexers.errors import EmbedderError

TEXTS = [
    "Which port does the server listen on?",
    "def read_settings(path: Path) -> dict[str, object]:",
    "我们决定使用第八千号端口",
    "Crème brûlée à la carte",
    "x",
    "a much longer text, which says one thing and then another, so that a batch holds rows of many lengths. " * 9,
]


@pytest.fixture(scope="module", params=embedder_names())
def embedder(request: pytest.FixtureRequest) -> Embedder:
    try:
        return open_embedder(request.param)
    except EmbedderError as error:
        pytest.skip(f"{request.param} cannot be opened here: {error}")


def test_one_row_a_text(embedder):
    vectors = embedder.embed(TEXTS)

    assert vectors.shape == (len(TEXTS), embedder.dim)
    assert vectors.dtype == np.float32


def test_no_texts_give_no_rows(embedder):
    assert embedder.embed([]).shape == (0, embedder.dim)


def test_dim_is_a_multiple_of_8(embedder):
    assert embedder.dim > 0
    assert embedder.dim % 8 == 0


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

    np.testing.assert_allclose(batch, alone, atol=1e-6)


def test_order_in_the_batch_does_not_matter(embedder):
    np.testing.assert_allclose(embedder.embed(TEXTS[::-1])[::-1], embedder.embed(TEXTS), atol=1e-6)


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


@pytest.fixture(scope="module")
def static() -> StaticEmbedder:
    return StaticEmbedder(MODEL_FOLDER)


@pytest.fixture
def model_copy(tmp_path: Path) -> Path:
    return Path(shutil.copytree(MODEL_FOLDER, tmp_path / "model"))
