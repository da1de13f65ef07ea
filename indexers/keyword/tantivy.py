"""tantivy: the keyword index on disk.

What its releases do that one has to know (version 0.27; measured, see docs/architecture.md):
after a failed commit a writer loses documents silently, so it is dropped; a kill between two files can wedge
recovery, so garbage is collected right after opening a writer; a reader sees nothing new before `reload`; user text
never reaches its query parser; removing by term works on raw text fields alone.
"""

import contextlib
import json
import re
import threading
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import tantivy
from tantivy import Document as TantivyDocument
from tantivy import Filter as TokenFilter
from tantivy import Occur, Query, Tokenizer

from indexers.document import AnyOf, Between, Condition, Document, Either, Filter, Hit, Not
from indexers.errors import IndexBroken, IndexBusy, IndexerError
from indexers.keyword import (
    EXTRA_WEIGHT,
    K1,
    KeywordHits,
    KeywordQuery,
    Statistics,
    Term,
    beginnings,
    expansion_weight,
    inverse_document_frequency,
    misspellings,
)
from indexers.keyword.tantivy_files import check_files, sync_directory

MEMORY_BYTES = 64_000_000
"""What a writer buffers; above 50 MB nothing is gained (LIMITS.md, 3)."""
_MARK_GROUP = "__mark__"
_TEXT_FIELDS = (("body", "words"), ("title", "words"), ("identifiers", "spaces"), ("bigrams", "spaces"))
_NOT_BROKEN = (
    "LockBusy",
    "Permission denied",
    "Read-only file system",
    "No space left",
    "Too many open files",
    "os error",
)


class TantivyEngine:
    """A keyword index in a directory; one process at a time writes, any number read."""

    def __init__(self, directory: Path, attributes: Sequence[str], ranged: Sequence[str] = ()) -> None:
        """Open the index, or make an empty one where there is none.

        Args:
            directory: Where its files are.
            attributes: Names of what filters look at, in every document.
            ranged: Those of them that `Between` is asked of.

        Raises:
            IndexBroken: Its files are damaged, or of another layout: rebuild it.
            IndexerError: They cannot be read or written; nothing is wrong with them.
        """
        self.directory = directory
        self._attributes = tuple(attributes)
        self._schema = _schema(attributes, ranged)
        self._reading = threading.Lock()
        directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        with _faults(directory):
            check_files(directory)
            self._index = tantivy.Index(self._schema, str(directory), reuse=True)
            self._index.register_tokenizer("words", _words())
            self._index.register_tokenizer("spaces", _spaces())
            self._index.config_reader("manual")
        self._stamp = self._meta_stamp()
        self._searcher = self._index.searcher()
        self._mark = self._read_mark()

    @property
    def mark(self) -> dict[str, Any] | None:
        """What the last commit noted down: how far the index has followed; None in an empty index."""
        return self._mark

    def documents(self) -> int:
        """Count its documents."""
        return max(0, int(self._searcher.num_docs) - (self._mark is not None))

    def segments(self) -> int:
        """Count its parts."""
        return int(self._searcher.num_segments)

    def keys(self) -> list[int]:
        """Give the keys of all its documents."""
        with _faults(self.directory):
            found = self._searcher.search(
                Query.all_query(), limit=max(1, int(self._searcher.num_docs)), count=False
            ).hits
            keys = self._searcher.fast_field_values("key", [address for _, address in found])
        return [int(key) for key in keys if key]

    def refresh(self) -> None:
        """See what other processes have committed; costs one look at a file when nothing was."""
        stamp = self._meta_stamp()
        if stamp == self._stamp:
            return
        with self._reading, _faults(self.directory):
            self._index.reload()
            self._searcher = self._index.searcher()
            self._stamp = stamp
            self._mark = self._read_mark()

    @contextlib.contextmanager
    def writing(self) -> Iterator["TantivyWriter"]:
        """Hold the index's writer for a block; nothing is kept that was not committed.

        Raises:
            IndexBusy: Another process writes.
        """
        with _faults(self.directory):
            writer = TantivyWriter(self, self._index, self._schema, self._attributes)
        try:
            yield writer
        finally:
            with _faults(self.directory):
                writer.close()

    def search(
        self, query: KeywordQuery, conditions: Filter, limit: int, elsewhere: frozenset[Term] = frozenset()
    ) -> KeywordHits:
        """Find documents that fulfil the conditions, best first.

        `elsewhere` are terms that stand in what is searched beside this index: nothing like them is looked for here.
        """
        if query.is_empty or limit < 1:
            return KeywordHits([], 0.0)
        searcher = self._searcher
        with _faults(self.directory):
            wanted, best_possible = self._scored(searcher, query, elsewhere)
            clauses = [(Occur.Must, wanted)]
            clauses += [(Occur.Must, Query.const_score_query(self._phrase(each), 0.0)) for each in query.phrases]
            clauses += [(Occur.MustNot, self._phrase(each)) for each in query.excluded]
            clauses += [self._clause(condition) for condition in conditions]
            whole = wanted if len(clauses) == 1 else Query.boolean_query(clauses)
            found = searcher.search(whole, limit=limit, count=False).hits
            keys = searcher.fast_field_values("key", [address for _, address in found])
        hits = [Hit(int(key), score) for key, (score, _) in zip(keys, found, strict=True) if key]
        return KeywordHits(hits, best_possible)

    def newest(self, attribute: str, conditions: Filter, limit: int) -> list[tuple[int, int]]:
        """Give key and attribute of the documents that fulfil the conditions, the highest attribute first."""
        searcher = self._searcher
        with _faults(self.directory):
            marked = Query.term_query(self._schema, "group", _MARK_GROUP)
            clauses = [(Occur.Must, Query.all_query()), (Occur.MustNot, marked)]
            query = Query.boolean_query(clauses + [self._clause(condition) for condition in conditions])
            found = searcher.search(query, limit=limit, count=False, order_by_field=attribute).hits
            addresses = [address for _, address in found]
            keys = searcher.fast_field_values("key", addresses)
            values = searcher.fast_field_values(attribute, addresses)
        return [(int(key or 0), int(value or 0)) for key, value in zip(keys, values, strict=True)]

    def statistics(self, query: KeywordQuery) -> Statistics:
        """Say how often a query's terms stand here, for what is searched beside this index."""
        terms = {*query.terms, *(term for phrase in query.phrases for term in phrase)}
        counts = {term: self._count(self._searcher, term) for term in terms}
        return Statistics(int(self._searcher.num_docs), counts, {})

    def _scored(
        self, searcher: tantivy.Searcher, query: KeywordQuery, elsewhere: frozenset[Term]
    ) -> tuple[Query, float]:
        documents = max(1, int(searcher.num_docs))
        terms = dict.fromkeys([*query.terms, *(term for phrase in query.phrases for term in phrase)])
        clauses: list[tuple[Occur, Query]] = []
        best_possible = 0.0
        for term in terms:
            count = 0 if term.is_prefix else self._count(searcher, term)
            if count:
                factor = EXTRA_WEIGHT if term.is_extra else 1.0
                best_possible += factor * (K1 + 1) * inverse_document_frequency(count, documents)
                found = Query.term_query(self._schema, term.field, term.text)
                clauses.append((Occur.Should, Query.boost_query(found, factor) if term.is_extra else found))
                continue
            if term.is_extra or (term in elsewhere and not term.is_prefix):
                continue
            weight = expansion_weight(documents)
            best_possible += weight
            for other in self._expansions(term):
                clauses.append((Occur.Should, Query.const_score_query(other, weight)))
        if len(clauses) == 1:
            return clauses[0][1], best_possible
        return Query.boolean_query(clauses) if clauses else Query.empty_query(), best_possible

    def _expansions(self, term: Term) -> list[Query]:
        """What may stand for a term that is asked for as a prefix, or stands nowhere."""
        found = [Query.regex_query(self._schema, name, re.escape(head) + ".*") for name, head in beginnings(term)]
        for text, far in [] if term.is_prefix else misspellings(term):
            found.append(Query.fuzzy_term_query(self._schema, term.field, text, far, True, False))
        return [Query.disjunction_max_query(found)] if len(found) > 1 else found

    def _count(self, searcher: tantivy.Searcher, term: Term) -> int:
        return int(searcher.doc_freq(term.field, term.text))

    def _phrase(self, terms: tuple[Term, ...]) -> Query:
        if not terms:
            return Query.empty_query()
        if len(terms) == 1:
            return Query.term_query(self._schema, terms[0].field, terms[0].text)
        return Query.phrase_query(self._schema, terms[0].field, [term.text for term in terms])

    def _clause(self, condition: Condition) -> tuple[Occur, Query]:
        if isinstance(condition, Not):
            return Occur.MustNot, self._holding(condition.condition)
        return Occur.Must, Query.const_score_query(self._holding(condition), 0.0)

    def _holding(self, condition: Condition) -> Query:
        match condition:
            case AnyOf(attribute, values) if len(values) == 1:
                return Query.term_query(self._schema, attribute, next(iter(values)))
            case AnyOf(attribute, values):
                return Query.term_set_query(self._schema, attribute, sorted(values)) if values else Query.empty_query()
            case Between(attribute, low, high):
                kind = tantivy.FieldType.Integer
                return Query.range_query(self._schema, attribute, kind, low, high)
            case Not(inner):
                return Query.boolean_query([(Occur.Must, Query.all_query()), (Occur.MustNot, self._holding(inner))])
            case Either(conditions):
                return Query.boolean_query([(Occur.Should, self._holding(each)) for each in conditions])

    def _read_mark(self) -> dict[str, Any] | None:
        found = self._searcher.search(Query.term_query(self._schema, "group", _MARK_GROUP), limit=1).hits
        if not found:
            return None
        mark: dict[str, Any] = json.loads(self._searcher.doc(found[0][1])["mark"][0])
        return mark

    def _meta_stamp(self) -> tuple[int, int]:
        try:
            status = (self.directory / "meta.json").stat()
        except FileNotFoundError as error:
            raise IndexBroken(f"{self.directory}: its meta.json is gone; rebuild the index") from error
        return status.st_ino, status.st_mtime_ns


class TantivyWriter:
    """Adds and removes documents; made by `TantivyEngine.writing`."""

    def __init__(
        self, engine: TantivyEngine, index: tantivy.Index, schema: tantivy.Schema, attributes: tuple[str, ...]
    ) -> None:
        self._engine = engine
        self._schema = schema
        self._attributes = attributes
        self._writer: tantivy.IndexWriter | None = index.writer(MEMORY_BYTES, 1)
        self._writer.garbage_collect_files()

    def put(self, documents: Iterable[Document]) -> None:
        """Add documents; all of their groups are removed first."""
        added = list(documents)
        self.remove(dict.fromkeys(document.group for document in added))
        self.add(added)

    def add(self, documents: Iterable[Document]) -> None:
        """Add documents whose groups are not in the index."""
        writer = self._alive()
        with self._dropped_on_failure():
            for document in documents:
                writer.add_document(self._made(document))

    def remove(self, groups: Iterable[str]) -> None:
        """Remove every document of these groups."""
        writer = self._alive()
        with self._dropped_on_failure():
            for group in groups:
                writer.delete_documents_by_term("group", group)

    def commit(self, mark: dict[str, Any]) -> None:
        """Make all of it visible and lasting, together with a mark.

        Raises:
            IndexBroken: What was committed does not read back.
            IndexerError: The disk failed; the index is as it was after the commit before.
        """
        writer = self._alive()
        with self._dropped_on_failure():
            writer.delete_documents_by_term("group", _MARK_GROUP)
            noted = TantivyDocument()
            noted.add_text("group", _MARK_GROUP)
            noted.add_text("mark", json.dumps(mark))
            writer.add_document(noted)
            writer.commit()
            sync_directory(self._engine.directory)
            self._engine.refresh()
        if self._engine.mark != mark:
            self._writer = None
            raise IndexBroken(f"{self._engine.directory}: a commit did not read back; rebuild the index")

    def close(self) -> None:
        """Wait for merges, so that no file is left over, and give the writer's lock back."""
        if self._writer is not None:
            self._writer.wait_merging_threads()
            self._writer = None

    def _alive(self) -> tantivy.IndexWriter:
        if self._writer is None:
            raise IndexerError(f"{self._engine.directory}: this writer failed before; open another")
        return self._writer

    @contextlib.contextmanager
    def _dropped_on_failure(self) -> Iterator[None]:
        try:
            with _faults(self._engine.directory):
                yield
        except BaseException:
            # a writer that failed once reports success later and loses documents: tantivy index_writer.rs, prepare_commit
            self._writer = None
            raise

    def _made(self, document: Document) -> TantivyDocument:
        made = TantivyDocument()
        made.add_integer("key", document.key)
        made.add_text("group", document.group)
        if document.body:
            made.add_text("body", document.body)
        if document.title:
            made.add_text("title", document.title)
        if document.identifiers:
            made.add_text("identifiers", document.identifiers)
        if document.bigrams:
            made.add_text("bigrams", document.bigrams)
        for name in self._attributes:
            made.add_integer(name, document.attributes.get(name, 0))
        return made


def _schema(attributes: Sequence[str], ranged: Sequence[str]) -> tantivy.Schema:
    builder = tantivy.SchemaBuilder()
    builder.add_integer_field("key", fast=True)
    builder.add_text_field("group", tokenizer_name="raw", index_option="basic")
    builder.add_text_field("mark", stored=True, tokenizer_name="raw", index_option="basic")
    for name, tokenizer in _TEXT_FIELDS:
        option = "freq" if name == "identifiers" else "position"
        builder.add_text_field(name, tokenizer_name=tokenizer, index_option=option)
    for name in attributes:
        builder.add_integer_field(name, indexed=name not in ranged, fast=name in ranged)
    return builder.build()


def _words() -> tantivy.TextAnalyzer:
    builder = tantivy.TextAnalyzerBuilder(Tokenizer.simple())
    filters = (TokenFilter.remove_long(40), TokenFilter.lowercase(), TokenFilter.ascii_fold())
    for each in (*filters, TokenFilter.stemmer("english")):
        builder = builder.filter(each)
    return builder.build()


def _spaces() -> tantivy.TextAnalyzer:
    return tantivy.TextAnalyzerBuilder(Tokenizer.whitespace()).build()


@contextlib.contextmanager
def _faults(directory: Path) -> Iterator[None]:
    """Tell what is broken, and must be rebuilt, from what is only busy, full or forbidden."""
    try:
        yield
    except IndexerError:
        raise
    except (ValueError, OSError) as error:
        text = str(error).split("\n")[0]
        if "LockBusy" in text or "Lockfile" in text:
            raise IndexBusy(f"{directory}: another process is writing the keyword index") from error
        if "writer was killed" in text:
            # tantivy does not say what its thread met; what was committed before is as it was
            raise IndexerError(
                f"{directory}: the keyword index could not be written, most likely for want of room; free some space"
            ) from error
        if any(sign in text for sign in _NOT_BROKEN):
            raise IndexerError(f"{directory}: the keyword index cannot be used ({text})") from error
        raise IndexBroken(f"{directory}: the keyword index is damaged ({text}); rebuild it") from error
    except BaseException as error:
        # a panic in tantivy derives from BaseException
        if type(error).__name__ != "PanicException":
            raise
        raise IndexBroken(f"{directory}: the keyword index is damaged (tantivy panicked); rebuild it") from error
