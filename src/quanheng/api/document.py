"""The OpenAPI document: what each operation takes and answers, derived from verbs and queries, in both languages."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from http import HTTPStatus
from typing import Any

from quanheng.api.endpoints import is_offered, output_fields, query_model
from quanheng.api.reading import JSON_TYPE, options_model
from quanheng.core.describe import commands
from quanheng.core.inputs import Input, Local, Takes, help_of, marked, marker
from quanheng.core.verb import QUERIES, VERBS
from quanheng.errors import CLASSES, Text

REF = "#/components/schemas/"
#: What every operation may answer, what a body adds, and what a verb adds.
STATUSES = (400, 401, 403, 404, 409, 422, 500, 503)
BODY_STATUSES = (411, 413, 415)
LAYER_STATUSES = (*STATUSES, 416)
UPLOAD_STATUSES = (*STATUSES, 411, 412, 413, 415, 423, 460)
#: What the headers of the upload protocol hold.
TUS_HEADERS: Mapping[str, dict[str, Any]] = {
    "Tus-Resumable": {"type": "string", "enum": ["1.0.0"]},
    "Upload-Length": {"type": "integer", "minimum": 0},
    "Upload-Offset": {"type": "integer", "minimum": 0},
    "Upload-Metadata": {"type": "string", "example": "filename YS50eHQ=,purpose aW5wdXQ="},
    "Upload-Checksum": {"type": "string", "example": "sha256 47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="},
}
WORDS = {460: "Checksum Mismatch"}
#: May be called by nobody in particular where the project is public.
OPEN: list[dict[str, list[str]]] = [{"bearer": []}, {}]
BEARER: list[dict[str, list[str]]] = [{"bearer": []}]

Schema = dict[str, Any]


def both(text: Text) -> str:
    """Return a text in both languages, Chinese first."""
    return f"{text.zh} / {text.en}"


# ---------------------------------------------------------------- schemas of fields


def field_schemas(model: type[Input], components: Schema) -> Schema:
    """Return the JSON schema of each field that a caller may fill; what they share goes into `components`."""
    whole = model.model_json_schema(ref_template=REF + "{model}")
    for name, shared in whole.get("$defs", {}).items():
        if components.setdefault(name, shared) != shared:
            raise ValueError(f"two inputs call different things {name}")
    shown = {name: whole["properties"][name] for name, info in model.model_fields.items() if is_offered(info)}
    return {name: _field(model, name, schema) for name, schema in shown.items()}


def _field(model: type[Input], name: str, schema: Schema) -> Schema:
    """Return the schema of a field with its help in both languages and an example where its mark says what it holds."""
    info = model.model_fields[name]
    said = {key: value for key, value in schema.items() if key not in ("title", "zh", "description")}
    en, zh = help_of(info)
    said["description"] = both(Text(en, zh))
    said["x-help"] = {"en": en, "zh": zh}
    mark = marker(info)
    if isinstance(mark, Takes):
        said["x-kinds"] = list(mark.kinds)
        said["examples"] = [["demo"]] if schema.get("type") == "array" else ["demo"]
    if isinstance(mark, Local):
        said["description"] += " （upload:ID，或 / or: shipped:FILE）"
        said["examples"] = ["shipped:flows/filing.toml"]
    return said


def _parameters(model: type[Input], components: Schema) -> list[Schema]:
    found = []
    for name, schema in field_schemas(model, components).items():
        info = model.model_fields[name]
        plain = {k: v for k, v in schema.items() if k not in ("description", "examples")}
        choices = [one for one in plain.get("anyOf", []) if one != {"type": "null"}]
        if len(choices) == 1:  # a query string has no null
            plain = {k: v for k, v in plain.items() if k not in ("anyOf", "default")} | choices[0]
        parameter = {"name": name, "in": "query", "required": info.is_required(), "schema": plain}
        if "examples" in schema:
            parameter["example"] = schema["examples"][0]
        found.append({**parameter, "description": schema["description"]})
    return found


# ---------------------------------------------------------------- operations


def verb_operation(name: str, components: Schema) -> Schema:
    """Return the description of a verb's operation."""
    verb, command = VERBS[name], commands()[name]
    fields = field_schemas(verb.input, components)
    required = [key for key in fields if verb.input.model_fields[key].is_required()]
    body = {"type": "object", "properties": fields, "additionalProperties": False}
    if required:
        body["required"] = required
    answers = {200: _json("完成，或结果已有 / done, or there before", {"$ref": REF + "Answer"})}
    if verb.mode != "inline":
        answers[202] = _json("已排队，由工作进程执行 / queued for a worker", {"$ref": REF + "Answer"}) | {
            "headers": {"Location": {"description": "GET /api/v1/job/show?id=…", "schema": {"type": "string"}}}
        }
    key = {"name": "Idempotency-Key", "in": "header", "required": False}
    key |= {
        "schema": {"type": "string", "pattern": "^[ -~]{1,128}$"},
        "description": "同一请求只生效一次 / the same request has its effect once",
    }
    return {
        "parameters": [*_parameters(options_model(name), components), key],
        "requestBody": {"required": bool(required), "content": {JSON_TYPE: {"schema": body}}},
        "responses": {**answers, **problems((*STATUSES, *BODY_STATUSES))},
        "security": BEARER,
        "x-quanheng": {
            "kind": "verb",
            "mode": verb.mode,
            "permission": verb.permission,
            "makes": list(command.makes),
            "options": [one for one in command.universal if one in ("as", "again")],
            "paths": [key for key in marked(verb.input, Local) if key in fields],
        },
    }


def query_operation(name: str, components: Schema) -> Schema:
    """Return the description of a query's operation."""
    outputs = output_fields(name)
    answer = _json("结果 / the answer", {})
    if outputs:
        file = {"schema": {"type": "string", "format": "binary"}}
        answer = {"description": "文件（附件） / the file, as an attachment", "content": {"*/*": file}}
    return {
        "parameters": _parameters(query_model(name), components),
        "responses": {200: answer, **problems(STATUSES)},
        "security": OPEN,
        "x-quanheng": {
            "kind": "query",
            "permission": QUERIES[name].permission,
            "output": outputs[0] if outputs else None,
        },
    }


def _json(description: str, schema: Schema) -> Schema:
    return {"description": description, "content": {JSON_TYPE: {"schema": schema}}}


def problems(statuses: Iterable[int]) -> dict[int, Schema]:
    """Return the answers that tell of an error."""
    return {status: {"$ref": f"#/components/responses/Problem{status}"} for status in statuses}


def problem_responses() -> Schema:
    """Return the descriptions of all answers that tell of an error, once for all operations."""
    content = {"application/problem+json": {"schema": {"$ref": REF + "Problem"}}}
    statuses = sorted({*STATUSES, *BODY_STATUSES, *UPLOAD_STATUSES, *LAYER_STATUSES})
    return {
        f"Problem{status}": {"description": WORDS.get(status) or HTTPStatus(status).phrase, "content": content}
        for status in statuses
    }


# ---------------------------------------------------------------- what is no verb


def layer_operation() -> Schema:
    """Return the description of the download of a layer."""
    binary = {"content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}}
    text: Schema = {"type": "string"}
    asked = (("Range", "bytes=0-99"), ("If-Range", "ETag"), ("If-None-Match", "ETag"))
    headers = [_header(name, said, text) for name, said in asked]
    return {
        "parameters": [*_parameters(options_model("artifact.show"), {})[:1], *headers],
        "responses": {
            200: {"description": "数据层的全部字节 / all bytes of the layer", **binary},
            206: {"description": "其中一段 / one range of them", **binary},
            304: {"description": "未变化 / not changed"},
            **problems(LAYER_STATUSES),
        },
        "security": OPEN,
    }


def upload_operation(status: int, headers: Iterable[str]) -> Schema:
    """Return the description of an operation of the tus protocol; one that names an offset or a length has a body."""
    asked = [_header(name, "tus 1.0.0", TUS_HEADERS[name], required=name == "Tus-Resumable") for name in headers]
    answer = {"description": "见响应头 / see the headers"}
    told: Schema = {
        "parameters": [*_parameters(options_model("artifact.show"), {})[:1], *asked],
        "responses": {status: answer, **problems(UPLOAD_STATUSES)},
        "security": BEARER,
    }
    if "Upload-Checksum" in headers:
        binary = {"schema": {"type": "string", "format": "binary"}}
        told["requestBody"] = {"required": False, "content": {"application/offset+octet-stream": binary}}
    return told


def _header(name: str, description: str, schema: Schema, required: bool = False) -> Schema:
    return {"name": name, "in": "header", "required": required, "schema": schema, "description": description}


# ---------------------------------------------------------------- shared schemas


def shared() -> Schema:
    """Return the schemas of answers and problems."""
    text, digest = {"type": "string"}, {"type": "string", "pattern": "^sha256:[0-9a-f]{64}$"}
    answer: Mapping[str, Schema] = {
        "job": {"type": "string", "description": "作业编号；结果已有时为空 / the job; empty when it was there before"},
        "outputs": {"type": "array", "items": digest, "description": "产生的制品 / artifacts that it left"},
        "cached": {"type": "boolean", "description": "结果是否早已存在 / whether the outputs were there before"},
        "value": {"type": "object", "description": "即时操作的回答 / what an inline verb answers"},
        "state": {"type": "string", "enum": ["done", "queued"], "description": "状态 / state"},
    }
    hint = {"type": ["array", "null"], "items": text, "minItems": 2, "maxItems": 2}
    problem: Mapping[str, Schema] = {
        "type": {"type": "string", "description": "urn:quanheng:error:CODE"},
        "title": text,
        "status": {"type": "integer"},
        "detail": {"type": "string", "description": "所选语言的说明与建议 / what is wrong and what to do"},
        "code": {"type": "string", "description": "稳定的错误代码 / stable text for programs"},
        "class": {"type": "string", "enum": sorted(CLASSES)},
        "en": text,
        "zh": text,
        "hint": {**hint, "description": "[en, zh]"},
        "request_id": text,
    }
    return {"Answer": _object(answer), "Problem": _object(problem)}


def _object(fields: Mapping[str, Schema]) -> Schema:
    return {"type": "object", "required": list(fields), "properties": dict(fields)}
