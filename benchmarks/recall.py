"""How well the right turn of a long conversation is found, by mode, through the public API.

    python benchmarks/recall.py PATH [--questions N] [--json FILE]

PATH is a file of LoCoMo in its published form: a list of conversations with `conversation`, `qa` and, in each question,
`evidence`. Turn level: gold are the turns that a question names as evidence; the corpus is its own conversation.
Questions without evidence, and those about what was never said (category 5), are left out.
  R@10   mean share of the gold turns among the first ten (frac-R@10)
  hit@1  share of the questions whose first hit is gold
  MRR    mean of one by the rank of the first gold turn among the first ten
"""

import argparse
import json
import re
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from memory import Memory

Conversation = dict[str, Any]
EVIDENCE = re.compile(r"D\d+:\d+")


def fill(memory: Memory, conversations: list[Conversation]) -> None:
    """Save every conversation as a project of its own, a session a day, a message a turn."""
    for name, conversation in named(conversations):
        said = conversation["conversation"]
        number = 1
        while turns := said.get(f"session_{number}"):
            at = _day(said.get(f"session_{number}_date_time", ""))
            session = memory.sessions.create(id=f"{name}/{number}", project=name, created_at=at)
            memory.messages.append_many(session.id, [_message(name, turn, at) for turn in turns])
            number += 1
    memory.catch_up()


def named(conversations: list[Conversation]) -> Iterator[tuple[str, Conversation]]:
    """Give each conversation a name."""
    for number, conversation in enumerate(conversations):
        yield str(conversation.get("sample_id") or f"conversation-{number}"), conversation


def questions(conversation: Conversation, most: int | None) -> Iterator[tuple[str, set[str]]]:
    """Give the questions that can be answered, each with its gold turns."""
    for question in conversation["qa"][:most]:
        gold = {turn for named_ in question.get("evidence") or [] for turn in EVIDENCE.findall(named_)}
        if gold and question.get("category") != 5:
            yield question["question"], gold


def measure(memory: Memory, conversations: list[Conversation], mode: str, most: int | None) -> dict[str, Any]:
    """Ask every question in one mode."""
    count, found, first, reciprocal, took = 0, 0.0, 0, 0.0, 0.0
    for name, conversation in named(conversations):
        for question, gold in questions(conversation, most):
            started = time.perf_counter()
            hits = memory.search(question, mode=mode, project=name, limit=10, min_score=0, fold=False).hits
            took += time.perf_counter() - started
            ids = [hit.id.removeprefix(f"{name}/") for hit in hits]
            count += 1
            found += len(gold.intersection(ids)) / len(gold)
            first += bool(ids) and ids[0] in gold
            reciprocal += next((1 / rank for rank, id in enumerate(ids, 1) if id in gold), 0.0)
    share = 100 / max(1, count)
    row = {"mode": mode, "questions": count, "R@10": round(found * share, 1), "hit@1": round(first * share, 1)}
    return row | {"MRR": round(reciprocal / max(1, count), 3), "ms": round(took / max(1, count) * 1000, 2)}


def _message(name: str, turn: dict[str, Any], at: datetime | None) -> dict[str, Any]:
    shown = f" [{turn['blip_caption']}]" if turn.get("blip_caption") else ""
    told = {"id": f"{name}/{turn['dia_id']}", "role": "user", "sender_id": turn["speaker"]}
    return {**told, "content": turn["text"] + shown, "created_at": at}


def _day(text: str) -> datetime | None:
    try:
        return datetime.strptime(text, "%I:%M %p on %d %B, %Y").replace(tzinfo=UTC)
    except ValueError:
        return None


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("path", type=Path, help="a file of LoCoMo in its published form")
    parser.add_argument("--questions", type=int, help="of each conversation, the first so many")
    parser.add_argument("--json", type=Path, help="write the rows to a file, too")
    given = parser.parse_args()
    conversations = json.loads(given.path.read_text(encoding="utf-8"))
    with tempfile.TemporaryDirectory() as folder, Memory.open(folder) as memory:
        fill(memory, conversations)
        rows = [measure(memory, conversations, mode, given.questions) for mode in ("keyword", "semantic", "hybrid")]
    print("  ".join(f"{name:>9}" for name in rows[0]))
    for row in rows:
        print("  ".join(f"{value:>9}" for value in row.values()))
    if given.json:
        given.json.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
