"""Files that come with Quanheng and fill a form: to choose, and to fill all of it with what is known of them."""

from __future__ import annotations

import json
from functools import cache

from quanheng.core.describe import Option
from quanheng.core.verb import find_verb
from quanheng.errors import Text
from quanheng.web.form_words import EXAMPLES


@cache
def _example_files(folder: str, ending: str) -> tuple[tuple[str, Text, tuple[tuple[str, str], ...]], ...]:
    """Return the files of a folder of the package: `shipped:` text, title, and what else is known of a form."""
    import tomllib
    from importlib.resources import files

    found = []
    place = files("quanheng").joinpath(*folder.split("/"))
    for item in sorted(place.iterdir(), key=lambda path: path.name):
        if not item.name.endswith(ending):
            continue
        stem = item.name.removesuffix(ending)
        beside = place.joinpath(stem + ".toml")
        if beside.is_file():
            told = tomllib.loads(beside.read_text("utf-8"))
            licence = told.get("licence", {}).get("spdx", "")
            known: dict[str, str] = {
                key: str(told[key]) for key in ("purpose", "title", "version", "owner") if key in told
            }
            known |= {"licence": licence} if licence else {}
            title = Text(stem.replace("_", " "), told.get("title", stem))
        else:
            known, title = dict[str, str](), _title_within(item.read_text("utf-8"), stem)
        found.append((f"shipped:{folder}/{item.name}", title, tuple(known.items())))
    return tuple(found)


def _title_within(text: str, stem: str) -> Text:
    """Return the title of a JSON file that has one in both languages, else its name."""
    title = json.loads(text).get("title")
    return Text(title["en"], title["zh"]) if isinstance(title, dict) else Text(stem, stem)


def examples(verb: str, option: Option) -> list[tuple[str, Text]]:
    """Return the files that come with Quanheng for a field: as `shipped:` text, with their titles."""
    place = EXAMPLES.get(f"{verb}.{option.name}")
    return [(value, title) for value, title, _ in _example_files(*place)] if place else []


def filled_examples(verb: str) -> list[tuple[Text, dict[str, str]]]:
    """Return, for each file that comes with Quanheng for the verb, its title and what fills the whole form."""
    found = []
    for key, place in EXAMPLES.items():
        name, _, field_ = key.rpartition(".")
        if name == verb:
            fields = set(find_verb(verb).input.model_fields)
            for value, title, known in _example_files(*place):
                found.append((title, {field_: value, **{k: v for k, v in known if k in fields}}))
    return found
