"""The data wing: sources, corpora, samples, lexicons."""
