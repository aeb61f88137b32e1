"""What the data wing adds to the pages of its kinds. Importing it registers everything, as `core.pages` expects."""

from quanheng.data.pages import bars, exports, lexicon, lexicon_past, ngram, samples

__all__ = ["bars", "exports", "lexicon", "lexicon_past", "ngram", "samples"]
