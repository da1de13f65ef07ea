"""What every reranker promises, run on a tiny cross-encoder that the tests make."""

import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from embedder_models import NO_NETWORK

from indexers.errors import EmbedderError
from indexers.rerankers import open_reranker, reranker_names


def make_cross_encoder(folder: Path, labels: int = 1) -> Path:
    """Write a cross-encoder with weights by chance."""
    pytest.importorskip("sentence_transformers", reason="needs `pip install torch sentence-transformers`")
    import torch
    from transformers import BertConfig, BertForSequenceClassification, BertTokenizerFast

    torch.manual_seed(7)
    words = "port server tea cat the a which does listen on sofa sleeps ? , .".split()
    vocabulary = {word: row for row, word in enumerate(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *words])}
    shape = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 64}
    config = BertConfig(vocab_size=len(vocabulary), num_labels=labels, initializer_range=0.5, **shape)
    BertForSequenceClassification(config).save_pretrained(folder)
    BertTokenizerFast(vocab=vocabulary, model_max_length=128).save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_cross_encoder(tmp_path_factory.mktemp("cross") / "tiny")


@pytest.fixture(scope="module")
def reranker(folder):
    return open_reranker(f"cross_encoder:{folder}")


TEXTS = ["the server listen on a port", "the cat sleeps on the sofa", "", "\ud800", "tea " * 5_000]


def test_one_score_a_text(reranker):
    scores = reranker.score("which port?", TEXTS)

    assert scores.shape == (len(TEXTS),)
    assert scores.dtype == np.float32
    assert np.isfinite(scores).all()
    assert scores[0] != scores[1]


def test_no_texts_have_no_scores(reranker):
    assert reranker.score("which port?", []).shape == (0,)


def test_a_text_has_the_same_score_alone_and_among_others(reranker):
    together = reranker.score("which port?", TEXTS)
    alone = [reranker.score("which port?", [text])[0] for text in TEXTS]

    np.testing.assert_allclose(together, alone, atol=1e-4)


def test_the_query_counts(reranker):
    assert reranker.score("which port?", TEXTS[:1]) != reranker.score("tea", TEXTS[:1])


def test_threads_share_one(reranker):
    with ThreadPoolExecutor(4) as pool:
        rows = list(pool.map(lambda _: reranker.score("which port?", TEXTS).tolist(), range(8)))

    np.testing.assert_allclose(rows, [rows[0]] * 8, atol=1e-4)


def test_it_is_named_by_its_files(reranker, folder, tmp_path):
    other = make_cross_encoder(tmp_path / "other" / "tiny", labels=2)

    assert reranker.model.startswith("cross_encoder:tiny@")
    assert open_reranker(f"cross_encoder:{other}").model != reranker.model


def test_opening_loads_nothing_and_scoring_asks_no_network(folder):
    code = NO_NETWORK + (
        "from indexers.rerankers import open_reranker\n"
        "opened = open_reranker(sys.argv[1])\n"
        "assert 'torch' not in sys.modules\n"
        "assert opened.score('port', ['tea']).shape == (1,)\n"
    )
    command = [sys.executable, "-c", code, f"cross_encoder:{folder}"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)

    assert (done.returncode, done.stderr) == (0, "")


def test_a_model_of_several_labels_is_an_error(tmp_path, folder):
    two = open_reranker(f"cross_encoder:{make_cross_encoder(tmp_path / 'two', labels=2)}")

    with pytest.raises(EmbedderError, match="one label"):
        two.score("port", ["tea", "cat"])


def test_damaged_weights_are_an_error_of_one_line(folder, tmp_path):
    copy = shutil.copytree(folder, tmp_path / "model")
    (copy / "model.safetensors").write_bytes(b"nothing")

    with pytest.raises(EmbedderError, match=r"cannot be loaded .*; mend the model or choose another"):
        open_reranker(f"cross_encoder:{copy}").score("port", ["tea"])


@pytest.mark.parametrize(
    ("setting", "word"),
    [("magic", "cross_encoder"), ("cross_encoder:", "needs a model"), ("cross_encoder:/no/such", "no such folder")],
)
def test_what_cannot_be_opened_says_why(folder, setting, word):
    with pytest.raises(EmbedderError, match=word):
        open_reranker(setting)


def test_there_is_a_file_for_each():
    assert reranker_names() == ["cross_encoder"]
