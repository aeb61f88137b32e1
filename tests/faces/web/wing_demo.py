"""A small workspace in which the main job has run, for the pages of the wings: made once per process, then copied."""

from __future__ import annotations

import csv
import html.parser
import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from databases import Place, Templates, close_open
from promises.main_job import model_service, parameters, quanheng, write_source

#: Text that would do something if a page did not escape it.
HOSTILE = '<script>alert(1)</script>{{7*7}}"><img src=x onerror=alert(1)>'
HOSTILE_TITLE = f"来源 {HOSTILE}"
LONG = "这是一篇很长的文章，" + "".join(f"第{n}段讲的是第{n}件事，" for n in range(1, 90))
#: What a cleaning drops, masks or finds, one of each sort and more.
LINES = (
    "短",
    "！！！！！！？？？？￥￥￥￥＊＊＊＊",
    "This line is written in English only and is therefore left out of a corpus.",
    "一再重复的句子没有意义，" * 12,
    "请拨打13812345678或写信到someone@example.com联系我们，我们会尽快答复。",
    "办理进度也可以写信到other@example.com询问，两天内会有人回复。",
    "有人在网上发布色情服务信息，被公安机关查处后处以罚款。",
    f"一句带有标记的话：{HOSTILE}，仍然只是一句普通的话。",
    LONG,
    LONG + "后来又有了新的一段。",
    "小广告上写着色*情*服*务几个字，居民看到后向社区作了反映。",
)
_made: list[Path] = []


def demo_place(templates: Templates, base: Path) -> Place:
    """Return a copy of the prepared workspace, which the first caller makes."""
    if not _made or not _made[0].is_dir():
        folder = base / "prepared"
        _make(templates, folder, base)
        _made[:] = [folder]
    shutil.copytree(_made[0], base / "w")
    return Place(base / "w", "sqlite")


def opened(templates: Templates, base: Path) -> Iterator[Any]:
    """Yield a prepared workspace, open, with Django told of it as `quanheng serve` does."""
    from quanheng.web.configure import configure

    place = demo_place(templates, base)
    workspace = place.open()
    configure(workspace, hosts=["testserver"], secure=False, log=False)
    yield workspace
    close_open()


def _make(templates: Templates, folder: Path, base: Path) -> None:
    place = templates.place("sqlite", folder)
    extra = base / "extra"
    extra.mkdir()
    (extra / "lines.txt").write_text("\n".join(LINES) + "\n", "utf-8")
    sources = {"one": write_source(base / "one", 11, 400), "two": write_source(base / "two", 12, 40), "extra": extra}
    given = [
        {
            "as": name,
            "path": str(path),
            "title": HOSTILE_TITLE if name == "extra" else f"来源 {name}",
            "document": "line",
            "origin": "open",
            "region": "domestic",
            "licence_found": f"网页上写着：{HOSTILE}" if name == "extra" else "",
        }
        for name, path in sources.items()
    ]
    with model_service() as service:
        words = parameters({}, questions=20, local_model=False, model_url=service.url, model_name="m")
        words = [word if not word.startswith("sources=") else "sources=" + json.dumps(given) for word in words]
        done = quanheng(place, "flow", "run", "filing", *words)
    assert done.returncode == 0, done.stderr
    _review(place, base)


def _review(place: Place, base: Path) -> None:
    """Let somebody review the sample and the answers, and assess again."""
    workspace = place.open()
    sample = workspace.load("sample:manual")
    ids = [row["id"] for row in sample.rows("items.jsonl")]
    path = base / "reviewed.csv"
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["id", "verdict", "reason"])
        for number, id_ in enumerate(ids[:300]):
            writer.writerow([id_, "fail", HOSTILE] if number < 3 else [id_, "pass", ""])
    workspace.call("verdicts.enter", as_name="reviewed", subject="sample:manual", file=str(path), reviewer="group-a")
    workspace.call("sample.commit", as_name="again", corpus="corpus:demo", purpose="manual", n=5)
    workspace.call("sample.draw", as_name="again", commitment="sample_commitment:again")
    workspace.call(
        "assessment.run",
        as_name="reviewed",
        rulepack="rulepack:tc260-003-2024",
        corpus="corpus:demo",
        lexicon="lexicon:example",
        banks=["benchmark:must-refuse", "benchmark:must-not-refuse", "benchmark:generation"],
        responses=["responses:must-refuse", "responses:must-not-refuse", "responses:generation"],
        verdicts=["verdicts:corpus-keyword", "verdicts:must-refuse", "verdicts:must-not-refuse"],
    )
    _further(workspace)
    workspace.call("checkpoint.sign")
    close_open()


def _further(workspace: Any) -> None:
    """Make what can be made of a corpus, and a second corpus to compare it with."""
    workspace.call("corpus.build", as_name="other", sources=["one", "extra"], recipe="dialogue-zh")
    workspace.call(
        "tokenizer.train", as_name="small", corpus="corpus:demo", title=HOSTILE, vocabulary=400, characters=4000
    )
    workspace.call("ngram.train", as_name="ngrams", corpus="corpus:demo", title=HOSTILE, order=3, characters=100_000)
    more = {"corpus": "corpus:demo", "tokenizer": "tokenizer:small"}
    workspace.call("corpus.mix", as_name="plan", **more, group=["1=70", "2+3=30@1.5"], tokens=9000)
    workspace.call("corpus.export", as_name="hf", corpus="corpus:demo", format="huggingface", validation="1/10")
    workspace.call("corpus.export", as_name="mega", **more, format="megatron", mix="mix:plan")


def browser(workspace: Any, language: str = "zh", *, actor: Any = None) -> Any:
    """Return a client signed in as the owner or as this account, in this language."""
    import datetime as dt

    from django.test import Client

    from quanheng.core.accounts import make_link
    from quanheng.core.session import os_actor

    client = Client(HTTP_ACCEPT_LANGUAGE=language)
    assert client.post(f"/sign-in/{make_link(actor or os_actor(), dt.timedelta(minutes=1))}").status_code == 302
    return client


def member(workspace: Any, role: str) -> Any:
    """Return a new account with this role in the project main; "" for none."""
    from quanheng.core import clock
    from quanheng.core.models import Actor, Membership

    label = f"{role or 'nobody'}-{Actor.objects.count()}"
    actor = Actor.objects.create(label=label, password="!", created_at=clock.now())
    if role:
        Membership.objects.create(actor=actor, project_id=workspace.session.project_id, role=role)
    return actor


def page(client: Any, address: str) -> Element:
    """Return a page as a tree; it must be there, and hold nothing that a text smuggled in."""
    response = client.get(address, follow=True)
    assert response.status_code == 200, (address, response.status_code, response.content[:500])
    tree = parse(response.content.decode())
    assert not problems_of_markup(tree), (address, problems_of_markup(tree))
    return tree


VOID = {"area", "base", "br", "col", "hr", "img", "input", "link", "meta", "source", "wbr"}


@dataclass
class Element:
    """One element of a page."""

    tag: str
    attributes: dict[str, str]
    parent: Element | None = None
    children: list[Element | str] = field(default_factory=list)

    @property
    def text(self) -> str:
        """Return all text inside."""
        return "".join(child if isinstance(child, str) else child.text for child in self.children)

    @property
    def classes(self) -> set[str]:
        """Return the classes."""
        return set(self.attributes.get("class", "").split())

    def walk(self) -> Iterator[Element]:
        """Yield this element and all inside."""
        yield self
        for child in self.children:
            if isinstance(child, Element):
                yield from child.walk()

    def up(self) -> Iterator[Element]:
        """Yield this element and those around it."""
        here: Element | None = self
        while here is not None:
            yield here
            here = here.parent

    def find(self, tag: str = "", **attributes: str) -> list[Element]:
        """Return the elements inside with this tag and these attributes; `class_` is one of their classes."""
        wanted = attributes.pop("class_", "")
        return [
            element
            for element in self.walk()
            if (not tag or element.tag == tag)
            and (not wanted or wanted in element.classes)
            and all(element.attributes.get(name.replace("_", "-")) == value for name, value in attributes.items())
        ]


class _Builder(html.parser.HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.root = self.here = Element("", {})

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        element = Element(tag, {name: value or "" for name, value in attrs}, self.here)
        self.here.children.append(element)
        if tag not in VOID:
            self.here = element

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.here.children.append(Element(tag, {name: value or "" for name, value in attrs}, self.here))

    def handle_endtag(self, tag: str) -> None:
        if tag in VOID:
            return
        for element in self.here.up():
            if element.tag == tag and element.parent is not None:
                self.here = element.parent
                return

    def handle_data(self, data: str) -> None:
        self.here.children.append(data)


def parse(text: str) -> Element:
    """Return a page as a tree."""
    builder = _Builder()
    builder.feed(text)
    return builder.root


def problems_of_markup(page: Element) -> list[str]:
    """Return what is hostile or forbidden in a page: scripts of others, inline styles, handlers of events."""
    found = []
    for element in page.walk():
        if element.tag == "script" and not element.attributes.get("src", "").startswith("/static/"):
            found.append(f"script {element.attributes}")
        if element.tag in ("style", "iframe") or "onerror" in element.attributes or "style" in element.attributes:
            found.append(f"{element.tag} {element.attributes}")
        found += [f"{name} on {element.tag}" for name in element.attributes if name.startswith("on")]
        if element.tag == "img" and element.attributes.get("src") == "x":
            found.append("an image that came from a text")
    return found
