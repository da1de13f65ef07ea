"""MCP: the tools and resources that agents use, on standard input and output and over HTTP."""
