"""The service: REST, live events, metrics."""
