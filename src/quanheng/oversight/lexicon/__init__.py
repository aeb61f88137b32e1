"""A lexicon for demonstration, as data: example.jsonl, and example.toml that says what it is not."""
