"""What a memory does to be there again after its disk is gone."""

from memory.parts import Parts


class BackupVerbs(Parts):
    """Back a store up, and restore it."""
