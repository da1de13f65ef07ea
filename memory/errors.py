"""What can go wrong with a memory.

MemoryFault                  any fault of the package `memory`; one line: what, which, what to do
├── InvalidInput             an argument or a record cannot be what it is
│   ├── UnknownRecord        no record of that kind has that id in this workspace
│   ├── Conflict             a record with that id, or another unique value, is there already
│   ├── InvalidCursor        a page's cursor belongs to another list
│   └── ChangesGone          the change log does not reach back so far
├── StoreFault               the store cannot be used
│   ├── NoStore              there is no store at that place
│   ├── NewerStore           a newer version of the program wrote the store
│   ├── DamagedStore         the store's file cannot be read as a store
│   ├── StoreFull            the disk is full; nothing was half-written
│   ├── StoreClosed          used after close
│   └── StoreForked          used in a child of the process that opened it
├── BackupFault              a backup cannot be made, read or restored
│   └── DamagedBackup        what a backup needs is missing or not what it was
├── SourceFault              a history cannot be read
│   └── UnknownFormat        no importer recognises a file
└── SettingsFault            a setting cannot be read
"""


class MemoryFault(Exception):
    """Any fault of the package `memory`; the message is one line: what, which, and what to do."""


class InvalidInput(MemoryFault):
    """An argument or a record cannot be what it is."""


class UnknownRecord(InvalidInput):
    """No record of that kind has that id in this workspace."""


class Conflict(InvalidInput):
    """A record with that id, or with another value that must be unique, is there already."""


class InvalidCursor(InvalidInput):
    """A page's cursor belongs to another list, or to none."""


class ChangesGone(InvalidInput):
    """The change log does not reach back so far; what came before is in the records themselves."""


class StoreFault(MemoryFault):
    """The store cannot be used."""


class NoStore(StoreFault):
    """There is no store at that place."""


class NewerStore(StoreFault):
    """A newer version of the program wrote the store; it is left untouched."""


class DamagedStore(StoreFault):
    """The store's file cannot be read as a store; it is left untouched."""


class StoreFull(StoreFault):
    """The disk is full; nothing was half-written, reads go on."""


class StoreClosed(StoreFault):
    """The store was used after it was closed."""


class StoreForked(StoreFault):
    """The store was used in a child of the process that opened it; open it anew there."""


class BackupFault(MemoryFault):
    """A backup cannot be made, read or restored; what was there before is as it was."""


class DamagedBackup(BackupFault):
    """What a backup needs is missing, or is not what it was."""


class SourceFault(MemoryFault):
    """A history cannot be read."""


class UnknownFormat(SourceFault):
    """No importer recognises a file."""


class SettingsFault(MemoryFault):
    """A setting cannot be read, or has a value it cannot have."""
