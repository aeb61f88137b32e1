"""Banks of test questions for demonstration, as data: NAME.jsonl, and NAME.toml that says what it is not."""
