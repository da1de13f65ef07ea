"""Other systems that `recall.py` asks over the same texts and vectors: Chroma and LanceDB, as their first pages say.

One document a message, with its sender's name before it where there is one; the vectors are those that this product's
embedder gives, so what differs is the search. Chroma ranks by vectors alone; LanceDB's hybrid search is its words and its
vectors by its own reranker (RRF). Sessions are ranked by their best message among the first 100. They are no dependency
of anything: `pip install chromadb lancedb`.
"""

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from recall_sets import GivenMessage, Level, Question, RecallSet
from recall_systems import LIMIT, Answer, MissingSystem

from indexers.embedders import open_embedder

DEPTH = 100
"""Messages that sessions are ranked by."""
BATCH = 1_000


class Vectors:
    """Vectors of one embedder; what was embedded once is not embedded again."""

    def __init__(self, setting: str) -> None:
        self._setting = setting
        self._known: dict[str, list[float]] = {}
        self._asked: dict[str, list[float]] = {}

    def are_there(self) -> bool:
        """Say whether the embedder is installed."""
        kind, _, name = self._setting.partition(":")
        return not name or (find_spec(kind) is not None and Path(name).is_dir())

    def of(self, texts: Sequence[str]) -> list[list[float]]:
        """Embed what is stored."""
        new = list(dict.fromkeys(text for text in texts if text not in self._known))
        for start in range(0, len(new), BATCH):
            some = new[start : start + BATCH]
            self._known.update(zip(some, self._embedder().embed(some).tolist(), strict=True))
        return [self._known[text] for text in texts]

    def of_question(self, text: str) -> list[float]:
        """Embed what is asked."""
        if text not in self._asked:
            embedder = self._embedder()
            self._asked[text] = getattr(embedder, "embed_queries", embedder.embed)([text])[0].tolist()
        return self._asked[text]

    def _embedder(self) -> Any:
        if not hasattr(self, "_open"):
            self._open: Any = open_embedder(self._setting)
        return self._open


class Other:
    """What the other systems share: a folder, messages in batches, and answers by message or session."""

    package: str

    def __init__(self, ways: list[str], vectors: Vectors) -> None:
        self.ways = ways
        self._vectors = vectors
        self._open = ExitStack()

    def fill(self, recall_set: RecallSet) -> None:
        if find_spec(self.package) is None:
            raise MissingSystem(f"not installed; `pip install {self.package}`")
        if not self._vectors.are_there():
            raise MissingSystem("its vectors' model is not installed")
        folder = self._open.enter_context(tempfile.TemporaryDirectory(ignore_cleanup_errors=True))
        self._make(Path(folder), list(_rows(recall_set, self._vectors)))

    def levels(self, way: str) -> tuple[Level, ...]:
        return ("message", "session")

    def ask(self, way: str, question: Question, level: Level, is_global: bool) -> Answer:
        narrowed: dict[str, Any] = {} if is_global or question.corpus is None else {"corpus": question.corpus}
        if question.before:
            narrowed["at"] = question.before.timestamp()
        found = self._search(way, question.text, narrowed, LIMIT if level == "message" else DEPTH)
        if level == "message":
            return [(id, score) for id, _, score in found]
        best: dict[str, float] = {}
        for _, session, score in found:
            best.setdefault(session, score)
        return list(best.items())[:LIMIT]

    def close(self) -> None:
        self._open.close()

    def _make(self, folder: Path, rows: list[dict[str, Any]]) -> None:
        raise NotImplementedError

    def _search(self, way: str, text: str, narrowed: dict[str, Any], limit: int) -> list[tuple[str, str, float]]:
        """Give ids of messages and of their sessions with scores, best first."""
        raise NotImplementedError


class Chroma(Other):
    """Chroma, kept in a folder, with its usual index."""

    package = "chromadb"

    def _make(self, folder: Path, rows: list[dict[str, Any]]) -> None:
        import chromadb

        client = chromadb.PersistentClient(str(folder), settings=chromadb.Settings(anonymized_telemetry=False))
        # of vectors of length 1 the inner product is the cosine
        space = {"hnsw:space": "ip"}
        self._collection = client.create_collection("recall", metadata=space, embedding_function=None)
        for start in range(0, len(rows), BATCH):
            some = rows[start : start + BATCH]
            self._collection.add(
                ids=[row["id"] for row in some],
                embeddings=[row["vector"] for row in some],
                documents=[row["text"] for row in some],
                metadatas=[{name: row[name] for name in ("session", "corpus", "at")} for row in some],
            )

    def _search(self, way: str, text: str, narrowed: dict[str, Any], limit: int) -> list[tuple[str, str, float]]:
        where: list[Any] = [{"corpus": narrowed["corpus"]}] if "corpus" in narrowed else []
        if "at" in narrowed:
            where.append({"at": {"$lt": narrowed["at"]}})
        found = self._collection.query(
            query_embeddings=[self._vectors.of_question(text)],
            n_results=limit,
            where=where[0] if len(where) == 1 else {"$and": where} if where else None,
            include=["metadatas", "distances"],
        )
        rows = zip(found["ids"][0], found["metadatas"][0], found["distances"][0], strict=True)
        return [(id, told["session"], 1 - distance) for id, told, distance in rows]


class LanceDB(Other):
    """LanceDB, kept in a folder: its words and its vectors, merged by its reranker, and its words alone."""

    package = "lancedb"

    def _make(self, folder: Path, rows: list[dict[str, Any]]) -> None:
        import lancedb

        self._table = lancedb.connect(str(folder)).create_table("recall", rows)
        self._table.create_fts_index("text", replace=True)

    def _search(self, way: str, text: str, narrowed: dict[str, Any], limit: int) -> list[tuple[str, str, float]]:
        if "words" in way:
            query, scored_by = self._table.search(text, query_type="fts"), "_score"
        else:
            from lancedb.rerankers import RRFReranker

            query, scored_by = self._table.search(query_type="hybrid"), "_relevance_score"
            query = query.vector(self._vectors.of_question(text)).text(text)
            query = query.distance_type("dot").rerank(RRFReranker())
        terms = [f"corpus = '{_quoted(narrowed['corpus'])}'"] if "corpus" in narrowed else []
        if "at" in narrowed:
            terms.append(f"at < {narrowed['at']}")
        if terms:
            query = query.where(" and ".join(terms), prefilter=True)
        found = query.limit(limit).to_list()
        return [(row["id"], row["session"], row[scored_by]) for row in found][:limit]


def _rows(recall_set: RecallSet, vectors: Vectors) -> Iterator[dict[str, Any]]:
    said: dict[str, tuple[GivenMessage, str, str]] = {}
    for session in recall_set.sessions:
        for message in session.messages:
            if message.text.strip():
                said.setdefault(message.id, (message, session.id, session.corpus))
    texts = [f"{message.sender}: {message.text}" if message.sender else message.text for message, _, _ in said.values()]
    for (message, session, corpus), text, vector in zip(said.values(), texts, vectors.of(texts), strict=True):
        at = message.at.timestamp() if message.at else 0.0
        yield {"id": message.id, "session": session, "corpus": corpus, "at": at, "text": text, "vector": vector}


def _quoted(text: str) -> str:
    return text.replace("'", "''")
