"""`python -m memory.api.cli`: the command line where its script is not on the path."""

from memory.api.cli.main import main

main()
