"""Histories into the store: find the files, read each from where it was left, merge, and write what is new.

A file is read in batches; a batch and the mark that says how far it goes are one transaction, so that an import that
is killed goes on where it was. Whatever is there already is not written again, whichever file it came from.
"""

from memory.importing.histories import import_histories
from memory.importing.places import NamedPlace, Place, find_places, named_places, place_at
from memory.importing.report import ImportReport, Progress, SourceReport

__all__ = [
    "ImportReport",
    "NamedPlace",
    "Place",
    "Progress",
    "SourceReport",
    "find_places",
    "import_histories",
    "named_places",
    "place_at",
]
