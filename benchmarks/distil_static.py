"""Make the built-in static embedder from MiniLM: `python benchmarks/distil_static.py WORK MODEL`.

WORK is a folder for the teacher's vectors (about 200 MB; what is there is not made again), MODEL the folder that
is written. `HARK_DATA` names the unpacked shared data. About ten minutes on two cores, most of it the teacher.
`docs/embedder.md` says what to install first, what the model is and how good it is.

The steps: gather texts in pairs; let the teacher read them, and every token alone; map the tokens' vectors onto the
sentences' by ridge regression; train them on; round them to int8.
"""

import argparse
import json
import os
import re
import sys
import sysconfig
from collections import Counter
from pathlib import Path

import numpy as np
import torch
from distil_static_figures import load_teacher
from distil_static_texts import gather
from numpy.typing import NDArray
from torch.nn import functional

from indexers.embedders.static import WordPieces, fingerprint

DIM = 256
"""Bit codes of 32 bytes; 384 dims would give half a point to one point more at half the size again (RETRIEVAL.md)."""

TEACHER_TOKENS = 96
"""How much of a text the teacher reads. Source: RETRIEVAL.md, section 5."""

RARE = 1e-3
"""A token's weight is RARE / (RARE + how often it occurs). Source: Arora, Liang & Ma, ICLR 2017. Before training, better
than 1e-4 on LoCoMo (53 to 44) and CoSQA (34 to 30), worse on Cranfield (31 to 32); likewise against 3e-4. Not the
best of all: 3e-3 gave 51.7, 38.4, 32.3 where this gave 50.2, 38.1, 32.7 (STAY 300, untrained), and was trained only
together with other changes, with no gain (distil_static_figures.py, 2026-11-20)."""

RARE_LATE = 1e-4
"""The same for the weights of late interaction, times the length that the token's vector came to have in training;
3e-5 and 3e-4 were worse on two of three sets; the length gave Cranfield 1.5 points and took 0.1 from the others
(distil_static_figures.py, 2026-11-20)."""

STAY = 1000.0
"""How strongly the ridge map is held to the plain projection, as a number of texts. Before training, LoCoMo, CoSQA and
Cranfield are at 50.2, 38.1, 32.7 with 300; 52.2, 38.0, 32.7 with this; 52.2, 36.8, 32.4 with 3000
(distil_static_figures.py, 2026-11-20)."""

EPOCHS, PAIRS_A_STEP, RATE, DROPPED = 6, 512, 1e-3, 0.2
"""Passes over the pairs; pairs in a step; Adam's first rate, falling to 0; the share of tokens left out at each step.
4 passes at a rate of 2e-3 were 0.2 better on CoSQA and 0.3 to 0.8 worse on the other three sets
(distil_static_figures.py, 2026-11-20). Pairs in a step and dropping are untuned: they were varied only with others."""

SHARPNESS = 20.0
"""What cosines are multiplied by before the softmax. Untuned: 10 was tried only with less dropping, and lost 3 points on
LoCoMo."""

CONTRAST = 0.3
"""The weight of the contrastive loss beside the other two. 1 was 1.9 worse on CoSQA, 0.5 on Cranfield, 0.3 better on
LoCoMo (distil_static_figures.py, 2026-11-20); less was tried only with another rate."""

NEW_WORDS, SEEN = 6000, 12
"""How many whole words are added to the teacher's vocabulary at most, and in how many texts one must stand. Untuned."""

TEACHER_VOCABULARY = 30_522
"""How many tokens the teacher knows."""

Floats = NDArray[np.float64]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("work", type=Path)
    parser.add_argument("model", type=Path)
    parser.add_argument("--plain", action="store_true", help="stop before the training: projected tokens alone")
    arguments = parser.parse_args()
    arguments.work.mkdir(parents=True, exist_ok=True)
    texts, pairs = read_texts(arguments.work, Path(os.environ["HARK_DATA"]))
    taught = teach_texts(arguments.work, texts)
    vocabulary, tokens = teach_tokens(arguments.work, texts)
    cut = [ids[:TEACHER_TOKENS] for ids in map(WordPieces(vocabulary).cut, texts)]
    often = frequencies(vocabulary, cut)
    start, targets = first_table(vocabulary, tokens, cut, often, taught, plain=arguments.plain)
    table = start if arguments.plain else train(start, targets, cut, pairs)
    write(arguments.model, vocabulary, table, often)


def read_texts(work: Path, data: Path) -> tuple[list[str], NDArray[np.int64]]:
    """Gather the texts, each once, and the pairs among them, int64 of shape (pairs, 2)."""
    kept = work / "texts.json"
    if not kept.exists():
        packages = [Path(sysconfig.get_path(name)) for name in ("stdlib", "purelib")]
        found = [pair for pairs in gather(data, packages).values() for pair in pairs]
        rows: dict[str, int] = {}
        pairs = [[rows.setdefault(text, len(rows)) for text in pair] for pair in found]
        kept.write_text(json.dumps([list(rows), pairs]), encoding="utf-8")
    texts, pairs = json.loads(kept.read_text(encoding="utf-8"))
    print(f"{len(texts)} texts, {len(pairs)} pairs", file=sys.stderr)
    return texts, np.array(pairs)


def teach_texts(work: Path, texts: list[str]) -> Floats:
    """Let the teacher read the texts, the short ones first; gives rows of length 1."""
    kept = work / "texts.npy"
    if not kept.exists():
        teacher = load_teacher(TEACHER_TOKENS)
        order = np.argsort([len(text) for text in texts], kind="stable")
        rows = np.zeros((len(texts), 384), np.float16)
        for start in range(0, len(order), 4096):
            part = order[start : start + 4096]
            read = teacher.encode([texts[row] for row in part], batch_size=64, convert_to_tensor=True)
            rows[part] = read.float().numpy()
        np.save(kept, rows)
    return unit(np.load(kept).astype(np.float64))


def teach_tokens(work: Path, texts: list[str]) -> tuple[list[str], Floats]:
    """Let the teacher read each token of its vocabulary, and each new word, alone between its two marks."""
    teacher = load_teacher(TEACHER_TOKENS).float()
    tokenizer, body = teacher.tokenizer, teacher[0].auto_model
    vocabulary = tokenizer.convert_ids_to_tokens(range(len(tokenizer)))
    new = new_words(set(vocabulary), texts)
    kept = work / "tokens.npy"
    if not kept.exists():
        pieces = [[row] for row in range(len(vocabulary))]
        pieces += [tokenizer.encode(word, add_special_tokens=False) for word in new]
        rows = np.zeros((len(pieces), 384), np.float32)
        with torch.inference_mode():
            for size in sorted({len(each) for each in pieces}):
                same = [row for row, each in enumerate(pieces) if len(each) == size]
                for part in (same[start : start + 1024] for start in range(0, len(same), 1024)):
                    marked = [[tokenizer.cls_token_id, *pieces[row], tokenizer.sep_token_id] for row in part]
                    rows[part] = body(input_ids=torch.tensor(marked)).last_hidden_state.mean(1).numpy()
        np.save(kept, rows)
    return vocabulary + new, np.load(kept).astype(np.float64)


def new_words(known: set[str], texts: list[str]) -> list[str]:
    """List the words that stand whole in many texts and that the teacher's vocabulary cuts, the commonest first."""
    counts: Counter[str] = Counter()
    for text in texts:
        whole = [word for word in re.findall(r"[^\W_]+", text) if word.lower() not in known]
        parts = {part.lower() for word in whole for part in re.findall("[A-Z]+(?![a-z])|[A-Z]?[a-z]+", word)}
        counts.update(parts - known)
    words = [word for word, count in counts.items() if count >= SEEN and re.fullmatch("[a-z]{4,19}", word)]
    return sorted(words, key=lambda word: (-counts[word], word))[:NEW_WORDS]


def frequencies(vocabulary: list[str], cut: list[NDArray[np.int32]]) -> Floats:
    """Say how often each token occurs: half as counted in the texts, half by Zipf's law for the vocabulary's order.

    The teacher's vocabulary stands in about the order of frequency in books and Wikipedia, which the texts are
    not like; a new word counts there as three times the rarest. Marks have 0.
    """
    counted = np.bincount(np.concatenate(cut), minlength=len(vocabulary)).astype(np.float64)
    marks = is_mark(vocabulary)
    zipf = np.where(marks, 0, 1 / (np.cumsum(~marks) + 1))
    new = np.arange(len(vocabulary)) >= TEACHER_VOCABULARY
    zipf[new] = 3 * zipf[~new & ~marks].min()
    counted[marks] = 0
    return 0.5 * counted / counted.sum() + 0.5 * zipf / zipf.sum()


def first_table(
    vocabulary: list[str],
    tokens: Floats,
    cut: list[NDArray[np.int32]],
    often: Floats,
    taught: Floats,
    *,
    plain: bool,
) -> tuple[Floats, Floats]:
    """Bring tokens and texts down to `DIM` dimensions.

    Returns:
        The tokens' vectors, times their weights, mapped so that a text's sum comes near to what the teacher made of
        it (plain: only projected); and the teacher's vectors of the texts, projected, of length 1.
    """
    some = np.random.default_rng(0).permutation(len(taught))[:20_000]
    projection = np.linalg.svd(taught[some], full_matrices=False)[2][:DIM].T
    targets = unit(taught @ projection)
    marks = is_mark(vocabulary)
    weighted = (tokens - tokens[~marks].mean(0)) * (RARE / (RARE + often))[:, None]
    weighted[marks] = 0
    if plain:
        return weighted @ projection, targets
    sums = unit(np.stack([weighted[ids].sum(0) for ids in cut]))
    square = sums.T @ sums + STAY * np.eye(sums.shape[1])
    return weighted @ np.linalg.solve(square, sums.T @ targets + STAY * projection), targets


def train(start: Floats, targets: Floats, cut: list[NDArray[np.int32]], pairs: NDArray[np.int64]) -> Floats:
    """Train the table: a text's sum is to point where the teacher points, to have its neighbours, and to know its half.

    Three losses: 1 - cosine to the teacher's vector; the divergence between teacher and table of who is near to whom
    in a batch (relational distillation: Park et al., CVPR 2019); and, in a batch, finding a text's other half.
    """
    dice, torch_dice = np.random.default_rng(0), torch.Generator().manual_seed(0)
    table = torch.tensor(start / np.linalg.norm(start, axis=1)[start.any(1)].mean(), dtype=torch.float32)
    adam = torch.optim.Adam([table.requires_grad_()], lr=RATE, betas=(0.9, 0.99))
    wanted = torch.tensor(targets, dtype=torch.float32)
    steps = len(pairs) // PAIRS_A_STEP
    falling = torch.optim.lr_scheduler.LinearLR(adam, 1.0, 0.0, total_iters=EPOCHS * steps)
    for epoch in range(EPOCHS):
        order, lost = dice.permutation(len(pairs)), 0.0
        for step in range(steps):
            rows = pairs[order[step * PAIRS_A_STEP : (step + 1) * PAIRS_A_STEP]].T.ravel()
            loss = losses(sums(table, [cut[row] for row in rows], torch_dice), wanted[rows])
            adam.zero_grad()
            loss.backward()
            adam.step()
            falling.step()
            lost += loss.item()
        print(f"epoch {epoch + 1} of {EPOCHS}: loss {lost / steps:.4f}", file=sys.stderr)
    return table.detach().double().numpy()


def sums(table: torch.Tensor, cut: list[NDArray[np.int32]], dice: torch.Generator) -> torch.Tensor:
    """Sum each text's tokens but for those that are dropped; gives rows of length 1."""
    ids = torch.from_numpy(np.concatenate(cut).astype(np.int64))
    starts = torch.tensor(np.cumsum([0] + [len(each) for each in cut[:-1]]))
    kept = (torch.rand(len(ids), generator=dice) > DROPPED).float()
    return functional.normalize(
        functional.embedding_bag(ids, table, starts, mode="sum", per_sample_weights=kept), dim=1, eps=1e-6
    )


def losses(made: torch.Tensor, wanted: torch.Tensor) -> torch.Tensor:
    """Add the three losses of a batch whose second half answers its first."""
    itself = torch.eye(len(made), dtype=torch.bool)
    near, near_wanted = ((SHARPNESS * rows @ rows.T).masked_fill(itself, -1e4) for rows in (made, wanted))
    relations = functional.kl_div(near.log_softmax(1), near_wanted.softmax(1), reduction="batchmean")
    first, second = made.chunk(2)
    found, right = SHARPNESS * first @ second.T, torch.arange(len(first))
    contrast = (functional.cross_entropy(found, right) + functional.cross_entropy(found.T, right)) / 2
    return (1 - (made * wanted).sum(1).mean()) + relations + CONTRAST * contrast


def write(folder: Path, vocabulary: list[str], table: Floats, often: Floats) -> None:
    """Write a model: turned at random, so that all dimensions say equally much to a bit code, and in int8."""
    dice, marks = np.random.default_rng(1), is_mark(vocabulary)
    spare = np.array([token.startswith("[unused") for token in vocabulary])
    table = table @ np.linalg.qr(dice.standard_normal((DIM, DIM)))[0]
    usual = np.median(np.linalg.norm(table[~marks], axis=1))
    table[marks] = 0
    table[spare] = usual * unit(dice.standard_normal((int(spare.sum()), DIM)))
    largest = np.abs(table).max(1)
    steps = np.where(largest > 0, largest, 1) / 127
    lengths = np.linalg.norm(table, axis=1)
    late = RARE_LATE / (RARE_LATE + often) * lengths / lengths.max()
    folder.mkdir(parents=True, exist_ok=True)
    np.save(folder / "tokens.npy", np.round(table / steps[:, None]).astype(np.int8))
    np.save(folder / "weights.npy", np.stack([steps, late]).astype(np.float32))
    (folder / "vocabulary.txt").write_text("\n".join(vocabulary) + "\n", encoding="utf-8", newline="\n")
    model = {"model": f"static-1:{fingerprint(folder)}"}
    (folder / "model.json").write_text(json.dumps(model) + "\n", encoding="utf-8", newline="\n")


def is_mark(vocabulary: list[str]) -> NDArray[np.bool_]:
    """Say which tokens stand for nothing in a text: `[CLS]`, `[unused7]` and their like."""
    return np.array([re.fullmatch(r"\[\w+\]", token) is not None for token in vocabulary])


def unit(rows: Floats) -> Floats:
    return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-9)


if __name__ == "__main__":
    main()
