"""Chinese text, pure: no Django, no core. Import from the modules.

Standard library only: `encoding`, `normalise`, `script`, `check_digits`, `personal_data`, `pseudonyms`, `lexicon`,
`mojibake`. With numpy, and numba where it is installed: `quality`, `shingles`, `ngram_model`, `linear`. With the
packages of the extra [data]: `lexicon_review`, `evasion`, `language_id`.
"""
