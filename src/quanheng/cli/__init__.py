"""The command line: every verb and query as `quanheng noun verb`, and the root words."""
