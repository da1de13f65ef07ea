"""The ways in: command line, REST, MCP; no logic of their own."""
