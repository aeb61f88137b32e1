"""The HTTP API: verbs and queries under /api/v1, and the client that calls them."""
