"""The core: artifacts, verbs, jobs, flows, cases, people, permissions, the log."""
