"""Known items of real histories: what stands in one session only is found there, in every mode that should."""

import random
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from memory import Memory

WORDS = re.compile(r"[A-Za-z]{3,}")
EACH = 14


@pytest.fixture(scope="module")
def histories(real_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Memory]:
    with Memory.open(tmp_path_factory.mktemp("real") / "store") as memory:
        memory.import_([real_data / "transcripts" / "claude-code", real_data / "transcripts" / "codex"])
        yield memory


class Items:
    """Draws things that stand in one session only, always the same ones."""

    def __init__(self, memory: Memory) -> None:
        self.rows = memory.store.database.rows(
            "select s.id, m.role, unpacked(m.content), unpacked(m.tool_result) from message m join session s on s.number = m.session_number"
            " where m.role <> 'system' and length(m.content) between 20 and 20000 order by m.id"
        )
        self.memory = memory
        random.Random(11).shuffle(self.rows)

    def lies_in_one(self, text: str) -> bool:
        found = self.memory.store.database.rows(
            "select count(distinct session_number) from message where instr(lower(unpacked(content)), ?) > 0"
            " or instr(lower(coalesce(parts, '')), ?) > 0",
            (text.lower(), text.lower()),
        )
        return found == [(1,)]

    def hold_all(self, words: list[str]) -> set[str]:
        return {
            session for session, _, content, _ in self.rows if all(word.lower() in content.lower() for word in words)
        }

    def phrases(self):
        for session, role, content, _ in self.rows:
            words = content.split()
            if role == "user" and len(words) > 9 and "<" not in content:
                yield session, " ".join(words[2:8])

    def errors(self):
        for session, role, content, _ in self.rows:
            if role == "tool":
                for line in content.splitlines():
                    if re.search(r"\berror\b", line, re.IGNORECASE) and 25 < len(line) < 120:
                        yield session, line.strip()
                        break

    def identifiers(self):
        for session, _, content, _ in self.rows:
            for name in re.findall(r"\b[a-z]+(?:[A-Z][a-z]+){2,}\b", content)[:1]:
                yield session, name

    def rare_words(self):
        for session, role, content, _ in self.rows:
            if role in ("user", "assistant"):
                for word in [word for word in WORDS.findall(content) if len(word) > 8 and word.islower()][:1]:
                    yield session, word

    def draw(self, kind: str) -> list[tuple[str, str]]:
        found: dict[str, tuple[str, str]] = {}
        for session, text in getattr(self, kind)():
            if session not in found and self.lies_in_one(text):
                found[session] = (session, text)
            if len(found) == EACH:
                break
        return list(found.values())


@pytest.fixture(scope="module")
def items(histories: Memory) -> Items:
    return Items(histories)


def found(memory: Memory, query: str, session: str, mode: str, first: int = 5) -> bool:
    hits = memory.search(query, mode=mode, group="session", limit=first).hits
    return session in [hit.session_id for hit in hits]


def check(memory, items, modes, ask=lambda text: text, at_least=5, first=5):
    assert len(items) >= at_least
    missed = [
        (mode, ask(text), session)
        for session, text in items
        for mode in modes
        if not found(memory, ask(text), session, mode, first)
    ]
    assert missed == []


@pytest.mark.slow
def test_a_phrase_is_found_quoted_and_not(histories, items):
    drawn = items.draw("phrases")

    check(histories, drawn, ["hybrid", "keyword"])
    by_meaning = [found(histories, text, session, "semantic") for session, text in drawn]
    assert sum(by_meaning) / len(drawn) >= 0.8
    check(histories, drawn, ["hybrid", "keyword"], lambda text: '"' + text.replace('"', " ") + '"')


@pytest.mark.slow
def test_a_title_is_found(histories):
    rows = histories.store.database.rows(
        "select id, title from session where title is not null and title in"
        " (select title from session group by title having count(*) = 1) order by id"
    )
    check(histories, rows[:EACH], ["hybrid", "title"])


@pytest.mark.slow
def test_a_tool_error_is_found(histories, items):
    check(histories, items.draw("errors"), ["hybrid", "keyword"])


@pytest.mark.slow
def test_a_file_path_and_a_file_name_are_found(histories):
    rows = histories.store.database.rows(
        "select substr(source, 9), substr(target, 6) from relationship where target like 'file:%' and target in"
        " (select target from relationship group by target having count(distinct source) = 1) order by target"
    )
    drawn = list({session: (session, path) for session, path in rows}.values())[:EACH]
    check(histories, drawn, ["hybrid", "keyword"])


@pytest.mark.slow
def test_an_identifier_is_found_whole_and_in_parts(histories, items):
    drawn = items.draw("identifiers")

    check(histories, drawn, ["hybrid", "keyword"])
    # in parts it is known to one session only when no message elsewhere holds all the parts
    alone = [(session, name) for session, name in drawn if items.hold_all(parts(name)) == {session}]
    check(histories, alone, ["hybrid", "keyword"], lambda name: " ".join(parts(name)), at_least=3)


@pytest.mark.slow
def test_a_word_with_a_typo_is_found(histories, items):
    # a word is known to one session only when its stem is, so the index is asked
    drawn = [
        (session, word)
        for session, word in items.draw("rare_words")
        if len(histories.search(word, mode="keyword", group="session", limit=5).hits) == 1
    ]
    # the wrong word, or its beginning, may be as near to words of other sessions
    check(histories, drawn, ["hybrid", "keyword"], lambda word: word[:3] + word[4] + word[3] + word[5:], first=10)


def parts(name: str) -> list[str]:
    return re.findall(r"[A-Z]?[a-z]+", name)
