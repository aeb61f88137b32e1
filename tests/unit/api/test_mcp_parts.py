"""What the MCP server is made of: tools from declarations, addresses, progress, and calls that are given up."""

from __future__ import annotations

import json
import re

import jsonschema
import pytest
from mcp.shared.tool_name_validation import validate_tool_name

from quanheng.api import mcp_resources, mcp_tools
from quanheng.api.mcp import exact
from quanheng.api.mcp_calls import Call, Progress
from quanheng.core import describe
from quanheng.core.inputs import is_filled
from quanheng.errors import Cancelled, Text

HAN = re.compile(r"[\u4e00-\u9fff]")
#: What is not offered to a model. A new verb with a secret in its input or answer gets its line here, by hand.
WITHHELD = {"account.password", "token.create", "user.invite"}


def test_every_verb_and_query_is_offered_or_withheld_for_a_reason() -> None:
    names = set(describe.commands())
    withheld = {name for name in names if mcp_tools.reason_withheld(name)}
    assert withheld == WITHHELD and len(names) > 55
    for name in names:
        tool = mcp_tools.tool_name(name)
        assert validate_tool_name(tool).is_valid and mcp_tools.verb_name(tool) == name
    assert mcp_tools.verb_name("artifact.show") is None and mcp_tools.verb_name("nope") is None


@pytest.mark.parametrize("language", ["zh", "en"])
@pytest.mark.parametrize("name", sorted(set(describe.commands()) - WITHHELD))
def test_a_tool_takes_what_its_verb_takes_and_says_so_in_both_languages(name: str, language: str) -> None:
    tool, command = mcp_tools.tool(name, language), describe.commands()[name]
    fields = mcp_tools.declared(name).input.model_fields
    wanted = [field for field, info in fields.items() if not is_filled(info)]
    jsonschema.Draft202012Validator.check_schema(tool.input_schema)
    assert list(tool.input_schema["properties"]) == [*wanted, *command.universal]
    assert tool.input_schema.get("required", []) == [field for field in wanted if fields[field].is_required()]
    assert tool.input_schema["additionalProperties"] is False and "$ref" not in json.dumps(tool.input_schema)
    assert bool(HAN.search(tool.title or "")) == (language == "zh")
    for part in (tool.description, *(rule["description"] for rule in tool.input_schema["properties"].values())):
        assert HAN.search(part) and re.search("[a-z]", part)
        assert bool(HAN.match(part)) == (language == "zh") or part[0].isascii()


def test_hints_err_on_the_side_of_asking() -> None:
    hints = {name: mcp_tools.hints(mcp_tools.declared(name)) for name in describe.commands()}
    queries = {name for name, command in describe.commands().items() if command.kind == "query"}
    # These write a file and may replace one, this one signs: queries that a host must not run unasked.
    writing = {"assessment.report", "assessment.bundle", "artifact.save", "lexicon.bad_rows", "lexicon.sheet"}
    writing |= {"recipe.export", "lexicon.left_out"}
    assert {name for name, hint in hints.items() if hint.read_only_hint} == queries - writing - {"checkpoint.sign"}
    gone = {"artifact.withdraw", "user.deactivate", "token.revoke", "member.revoke", "key.rotate"}
    assert {name for name, hint in hints.items() if hint.destructive_hint} == writing | gone
    verbs = {name for name, hint in hints.items() if hint.idempotent_hint} - queries
    assert {"files.register", "corpus.build"} <= verbs and not verbs & {"flow.run", "name.set", "artifact.withdraw"}


@pytest.mark.parametrize("artifact", ["sha256:" + "0" * 64, "files:note", "名 称"])
@pytest.mark.parametrize("layer", ["", "a.txt", "目录/a b.txt", "layer/layer", "100%", "?x#y"])
def test_an_address_leads_back(artifact: str, layer: str) -> None:
    assert mcp_resources.parse_uri(mcp_resources.uri_of(artifact, layer)) == (artifact, layer)


def test_a_call_given_up_raises_where_the_runner_expects_it_only() -> None:
    call = Call("zh")
    call.given_up = True
    for event in ("progress", "log", "step"):
        data = {"done": 1, "total": 2, "en": "e", "zh": "中", "number": 1, "of": 2, "verb": "a.b"}
        with pytest.raises(Cancelled):
            call.listen(event, data)
    call.listen("cached", {"verb": "a.b"})


def test_progress_tells_the_newest_once_with_what_the_job_said() -> None:
    progress = Progress("zh")
    assert progress.news() is None
    progress.hear("start", {"verb": "corpus.build"})
    progress.hear("progress", {"done": 1, "total": None})
    progress.hear("log", {"en": "hello", "zh": "你好"})
    progress.hear("progress", {"done": 2, "total": 4})
    assert progress.news() == (2, 4, "corpus build 2/4: 你好") and progress.news() is None
    progress.hear("progress", {"done": 1, "total": 4})
    assert progress.news() is None


def test_text_first_in_the_asked_language() -> None:
    assert mcp_tools.both(Text("a", "甲"), "en") == "a / 甲"


def test_numbers_become_exact() -> None:
    given = {"a": [1.0, 0.5, 2, True, None], "b": {"c": 1e3, "d": "0.5"}, "n": float("nan"), "i": float("inf")}
    wanted = {"a": [1, "0.5", 2, True, None], "b": {"c": 1000, "d": "0.5"}, "n": "nan", "i": "inf"}
    assert exact(given) == wanted and all(type(n) is int for n in (exact(1.0), exact(2)))
