"""Chinese text: encodings, normalised views, scripts, personal data, terms. Pure, standard library only.

Import from the modules: `encoding`, `normalise`, `script`, `check_digits`, `personal_data`, `lexicon`.
"""
