"""The parameters of a flow as fields of a form: simple ones by themselves, and one's own item where it takes a list.

The fields of an item are those of the verb that runs over the list, under the parameter's name: `sources.path`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from django.http import HttpRequest

from quanheng.core.describe import Option, commands
from quanheng.core.session import Session
from quanheng.errors import QuanhengError, Text
from quanheng.web import form_fields
from quanheng.web.form_fields import Field, Given
from quanheng.web.form_words import label_of
from quanheng.web.staged import stage, unreadable, with_staged

#: The name that the result of one's own item gets when none is given.
OWN = "own"
NO_HELP = Text("", "")


@dataclass(frozen=True)
class OwnItem:
    """What a form shows of a parameter that is a list: what it holds by default, and the fields of one's own item."""

    label: Text
    default: list[str]
    fields: list[Field]
    name_field: str  # "" where the item has no name
    name: str


@dataclass
class FlowForm:
    """The form of one flow. shown: the answer of flow.show; given: what was sent, or stands in the address."""

    shown: Mapping[str, Any]
    given: Given
    session: Session
    language: str
    sent: bool = False
    error: QuanhengError | None = None

    def _problems(self) -> Mapping[str, Text]:
        return self.error.fields if self.error else {}

    # ---- simple parameters

    def _options(self) -> list[Option]:
        """Return the parameters that are no lists, described like the fields of a verb."""
        found = []
        for name, default in self.shown["params"].items():
            if not isinstance(default, list | dict):
                kind = "bool" if isinstance(default, bool) else "int" if isinstance(default, int) else "text"
                told = self.shown["param_help"].get(name)
                help_ = Text(**told) if told else NO_HELP
                found.append(Option(name, kind, False, False, default, (), help_))  # type: ignore[arg-type]
        return found

    def fields(self) -> list[Field]:
        """Return the fields of the simple parameters."""
        return form_fields.build(
            self._options(), self.given, language=self.language, sent=self.sent, problems=self._problems()
        )

    def simple(self) -> dict[str, Any]:
        """Return the simple parameters that are given; Invalid for one that cannot be read."""
        options = [option for option in self._options() if self.sent or self.given.has(option.name)]
        read = form_fields.parse(options, self.given, {})
        if read.problems:
            raise unreadable({name: label_of("flow.run", name) for name in read.problems}, read.problems)
        return read.data

    # ---- one's own items

    def params(self, request: HttpRequest) -> dict[str, Any]:
        """Return all parameters that a form brought: the simple ones, and one's own item where files are given."""
        params = self.simple()
        for name, becomes in self.shown["lists"].items():
            uploads = stage(request, self.session, self.given, name)
            item = self._item(name, becomes, uploads)
            if item:
                params[name] = [item]
        return params

    def _item(self, name: str, becomes: Mapping[str, Any], uploads: Mapping[str, str]) -> dict[str, Any] | None:
        inner, options = self.given.within(name), _item_options(becomes)
        paths = [option.name for option in options if option.type == "path"]
        if not any(uploads.get(path) or inner.text("_staged." + path) for path in paths):
            return None
        read = form_fields.parse(options, inner, uploads)
        wanted = [option.name for option in options if option.required and option.name not in read.data]
        problems = {**{field: Text("it is needed", "缺少这一项") for field in wanted}, **read.problems}
        if problems:
            told = unreadable({field: label_of(becomes["verb"], field) for field in problems}, {})
            told.fields = {f"{name}.{field}": text for field, text in problems.items()}
            raise told
        item = {key: read.data[field] for key, field in becomes["fields"].items() if field in read.data}
        if becomes["name"]:
            item[becomes["name"]] = inner.text("_name").strip() or OWN
        return item

    def own(self) -> list[OwnItem]:
        """Return what the form shows of each parameter that is a list."""
        return [self._own(name, becomes) for name, becomes in self.shown["lists"].items()]

    def _own(self, name: str, becomes: Mapping[str, Any]) -> OwnItem:
        inner, start = self.given.within(name), name + "."
        found = self._problems().items()
        made = form_fields.build(
            _item_options(becomes),
            inner,
            verb=becomes["verb"],
            language=self.language,
            sent=self.sent and bool(inner.names()),
            problems={key.removeprefix(start): text for key, text in found if key.startswith(start)},
        )
        # A browser would refuse to send the form for a field it needs that is empty and folded away.
        made = [replace(with_staged(self.session, field), name=start + field.name, required=False) for field in made]
        told = self.shown["param_help"].get(name)
        default = self.shown["params"][name]
        return OwnItem(
            Text(**told) if told else label_of(becomes["verb"], name),
            [str(item.get("title", "")) for item in default if isinstance(item, dict)],
            made,
            start + "_name" if becomes["name"] else "",
            inner.text("_name"),
        )

    @property
    def own_is_open(self) -> bool:
        """Return whether the fields of one's own items hold something that must be seen."""
        lists = [name + "." for name in self.shown["lists"]]
        kept = any(self.given.text(f"_staged.{name}{field}") for name in lists for field in ("path", "file"))
        return kept or any(key.startswith(name) for key in self._problems() for name in lists)


def _item_options(becomes: Mapping[str, Any]) -> list[Option]:
    """Return the options of a verb that an item of a list gives."""
    wanted = set(becomes["fields"].values())
    return [option for option in form_fields.options_of(commands()[becomes["verb"]]) if option.name in wanted]
