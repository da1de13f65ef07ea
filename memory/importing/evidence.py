"""Arrows from what messages show: commits and pull requests that were made, tests that failed, links that were cited.

Only what a program printed, or somebody wrote out, counts; nothing is guessed from a command that may have failed.
"""

import re
from collections.abc import Iterator

from memory.importers.reading.records import MessageRecord, RelationshipRecord

MOST_LINKS = 20
"""Links of one message. Untuned; a message with more is a list that somebody pasted."""
MOST_TESTS = 50
"""Failed tests of one message. Untuned; with more of them failing, none tells anything."""
_LONGEST_LINK = 500

# `[branch hash] subject`, and behind it what changed: what `git commit` prints
_COMMIT = re.compile(
    r"^\[(?P<branch>[^\s\]]+)(?: \(root-commit\))? (?P<hash>[0-9a-f]{7,40})\] (?P<subject>.+)\n"
    r"(?:(?: Author| Date| Committer)[^\n]*\n)*\s*\d+ files? changed",
    re.MULTILINE,
)
_REQUEST = re.compile(r"https://[\w.-]+/[\w.-]+(?:/[\w.-]+)+/(?:pull|-/merge_requests|pulls|pull-requests)/\d+\b")
_CREATING = re.compile(r"^Creating (?:draft )?(?:pull|merge) request for ", re.MULTILINE)
_LINK = re.compile(r"https?://[^\s<>\"'`\\|{}\[\]]+")
_LOCAL = re.compile(
    r"https?://(?:localhost|127\.|0\.0\.0\.0|\[::1\]|[^/]*\.(?:local|test|example|invalid)\b|example\.)"
)
_FAILED = (
    (".py", re.compile(r"^(?:FAILED|ERROR) ([\w./\\-]+\.py(?:::[^\s]+)?)", re.MULTILINE)),  # pytest's summary
    (".py::", re.compile(r"^([\w./\\-]+\.py::\S+) (?:FAILED|ERROR)", re.MULTILINE)),  # pytest -v
    ("--- FAIL", re.compile(r"^\s*--- FAIL: (\S+)", re.MULTILINE)),  # go test
    ("... FAILED", re.compile(r"^test (\S+) \.\.\. FAILED$", re.MULTILINE)),  # cargo test
    ("t.", re.compile(r"^\s*(?:FAIL|×|❯)\s+(\S+\.(?:test|spec)\.[cm]?[jt]sx?)\b", re.MULTILINE)),  # jest, vitest
    (": ", re.compile(r"^(?:FAIL|ERROR): (\w+) \([\w.]+\)", re.MULTILINE)),  # unittest
)
"""What a test that failed looks like, each with what stands in the text of such a runner."""
_FAILURES = ("FAIL", "ERROR", "×", "❯")
_PASSES = ("passed", "test result: ok", "\nok ", "\nok\t", "\nOK")
_PASSED = re.compile(
    r"^=+ (?!.*\b(?:failed|errors?)\b).*\b\d+ passed\b"  # pytest
    r"|^\d+ passed\b(?!.*\b(?:failed|error))"  # pytest -q
    r"|^test result: ok\. [1-9]"  # cargo test
    r"|^ok\s+\S+\s+(?:\d|\(cached\))"  # go test
    r"|^\s*Tests:?\s+(?!.*failed).*\b\d+ passed\b"  # jest, vitest
    r"|^Ran \d+ tests? in [^\n]*\n+OK\b",  # unittest
    re.MULTILINE,
)


def arrows_of(record: MessageRecord) -> Iterator[RelationshipRecord]:
    """Yield the arrows that one message is evidence for, from its session."""
    texts = [text for part in record.parts if isinstance(text := part.get("text"), str)]
    found = _of_tool(texts) if record.role == "tool" else _of_speech(record)
    for type, target, label in dict.fromkeys(found):
        yield RelationshipRecord(
            type, f"session:{record.session_key}", target, label, record.session_key, record.created_at
        )


def failed_tests(text: str) -> list[str]:
    """Find the names of tests that failed in what a test runner printed; [] for more than MOST_TESTS."""
    if not any(sign in text for sign in _FAILURES):
        return []
    names = dict.fromkeys(name for sign, pattern in _FAILED if sign in text for name in pattern.findall(text))
    return list(names) if len(names) <= MOST_TESTS else []


def has_passed(text: str) -> bool:
    """Say whether a test runner printed that all it ran had passed."""
    may_have = text.startswith("ok") or any(sign in text for sign in _PASSES)
    return may_have and _PASSED.search(text) is not None


def _of_tool(texts: list[str]) -> Iterator[tuple[str, str, str | None]]:
    for text in texts:
        for match in _COMMIT.finditer(text) if " changed" in text else ():
            yield "session_commit", f"commit:{match['hash']}", match["subject"].strip()
        requests = list(dict.fromkeys(_REQUEST.findall(text))) if "https://" in text and "/" in text else []
        if len(requests) == 1 and (_CREATING.search(text) or text.strip() == requests[0]):
            yield "session_pull_request", f"url:{requests[0]}", None
        for name in failed_tests(text):
            yield "session_test", f"test:{name}", "failed"


def _of_speech(record: MessageRecord) -> Iterator[tuple[str, str, str | None]]:
    """Find the links that a person or a model wrote out; none of what a program put there."""
    if record.role not in ("user", "assistant") or record.metadata.get("origin"):
        return
    texts = [
        str(part.get("text")) for part in record.parts if part.get("type") == "text" and "://" in str(part.get("text"))
    ]
    links = [link for text in texts for each in _LINK.findall(text) if (link := _trimmed(each))]
    if len(links) <= MOST_LINKS:
        for link in links:
            yield "session_url", f"url:{link}", "cited"


def _trimmed(link: str) -> str | None:
    """Take off what ends a sentence or a Markdown link; None for what leads nowhere."""
    text = link.rstrip(".,;:!?*_~")
    while text.endswith(")") and text.count("(") < text.count(")"):
        text = text[:-1].rstrip(".,;:!?*_~")
    return None if len(text) > _LONGEST_LINK or _LOCAL.match(text) or text.count("/") < 2 or "." not in text else text
