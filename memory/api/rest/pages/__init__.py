"""The web page: one file a view, each a few reads of the memory and a template of `memory/api/web/templates`."""
