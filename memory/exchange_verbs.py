"""What a memory does to give its records to other programs, and to take them back."""

from memory.parts import Parts


class ExchangeVerbs(Parts):
    """Export and load records."""
