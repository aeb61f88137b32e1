"""The operators that ship."""
