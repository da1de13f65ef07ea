"""CoSQA and Cranfield in their published forms: one text a document, one message a session."""

import html
import re
from pathlib import Path

from recall_sets import GivenMessage, GivenSession, Question, RecallSet, Table, read_json

_DOCUMENT = re.compile(r"<doc>(.*?)</doc>", re.DOTALL)
_QUERY = re.compile(r"<top>(.*?)</top>", re.DOTALL)
_TABLE = Table("documents", "message", ("nDCG@10", "R@10", "hit@1", "hit@10", "MRR@10"), is_global=True)


def read_cosqa(folder: Path) -> RecallSet:
    """Read web queries and the Python functions that answer them, one a query."""
    codes = read_json(folder / "code_idx_map.txt")
    asked = read_json(folder / "cosqa-retrieval-dev-500.json")
    sessions = [_session("cosqa", str(number), text) for text, number in codes.items()]
    questions = [Question(each["doc"], messages={f"cosqa-{each['retrieval_idx']}": 1.0}) for each in asked]
    about = "gold: the one function that a query is labelled with; corpus: all functions, each a session of one message"
    return RecallSet("cosqa", about, sessions, questions, (_TABLE,))


def read_cranfield(folder: Path) -> RecallSet:
    """Read abstracts, questions and judgements; these count the questions from 1 in their order, not by their number."""
    sessions = []
    for document in _DOCUMENT.findall(_text(folder / "cran.all.1400.xml")):
        title = " ".join(_element(document, "title").split())
        text = _element(document, "text") or title
        if text:
            sessions.append(_session("cranfield", _element(document, "docno"), text, title or None))
    grades: dict[int, dict[str, float]] = {}
    for line in _text(folder / "cranqrel.trec.txt").splitlines():
        query, _, document, grade = line.split()
        if float(grade) > 0:
            grades.setdefault(int(query), {})[f"cranfield-{document}"] = float(grade)
    queries = _QUERY.findall(_text(folder / "cran.qry.xml"))
    questions = [
        Question(" ".join(_element(query, "title").split()), messages=grades[place])
        for place, query in enumerate(queries, 1)
        if grades.get(place)
    ]
    about = "gold: what was judged relevant, by its grade; corpus: all abstracts, each a session with its title, of one message"
    return RecallSet("cranfield", about, sessions, questions, (_TABLE,))


def _session(corpus: str, number: str, text: str, title: str | None = None) -> GivenSession:
    id = f"{corpus}-{number}"
    return GivenSession(f"{id}-session", corpus, [GivenMessage(id, text)], title=title)


def _element(text: str, name: str) -> str:
    found = re.search(rf"<{name}>(.*?)</{name}>", text, re.DOTALL)
    return html.unescape(found[1]).strip() if found else ""


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="replace")
