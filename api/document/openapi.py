"""The description of the API (OpenAPI 3.1), made of the structs that are sent and the handlers' schemas."""

import re
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from api.document.operations import ACCEPTED, FILE, JSON, OPERATIONS, PARAMETERS, UPLOAD_REFUSALS, Operation
from api.http import ProblemType, problems
from api.jobs import NewJob
from api.kinds import Kind, KindList, Kinds
from api.ops import health
from api.sessions import SessionView, SignIn
from api.shown import Accepted, JobList, JobView


def describe(kinds: Kinds) -> bytes:
    """Write the document for these kinds of job."""
    operations = OPERATIONS | {
        (method, "/api/upload"): Operation(
            summary="Send a file and start its job",
            parameters=("name", "kind", "Idempotency-Key", "Prefer"),
            body=_upload_body(kinds, forms=method == "post"),
            answers=ACCEPTED,
            refusals=UPLOAD_REFUSALS,
        )
        for method in ("post", "put")
    }
    structs = (JobView, JobList, Accepted, KindList, SessionView, NewJob, SignIn, health.Health)
    _, components = msgspec.json.schema_components(structs, ref_template="#/components/schemas/{name}")
    paths: dict[str, dict[str, Any]] = {}
    for (method, path), operation in operations.items():
        paths.setdefault(path, {})[method] = _write(operation, method, path)
    upload = paths["/api/upload"]["post"]["responses"]["202"]
    upload["content"][JSON]["schema"] = {"oneOf": [_reference(JobView), _reference(Accepted)]}
    document = {
        "openapi": "3.1.1",
        "info": {
            "title": "queuecore",
            "version": _version(),
            "description": "Send a file, ask for its status, download the result. "
            "Problems are RFC 9457 documents; each type is explained at its address.",
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "servers": [{"url": "/"}],
        "security": [{}, {"token": []}, {"cookie": []}],
        "paths": paths,
        "components": {
            "schemas": {**_definitions(kinds), **components, "Problem": _PROBLEM},
            "securitySchemes": {
                "token": {"type": "http", "scheme": "bearer"},
                "cookie": {"type": "apiKey", "in": "cookie", "name": "queuecore"},
            },
        },
    }
    return msgspec.json.encode(document)


async def show(request: Request) -> Response:
    """GET /openapi.json"""
    document: bytes = request.app.state.openapi
    return Response(document, headers={"Cache-Control": "no-cache"}, media_type=JSON)


_PROBLEM: dict[str, Any] = {
    "type": "object",
    "description": "RFC 9457: why a request was refused, and what to do.",
    "properties": {
        "type": {"type": "string", "format": "uri-reference"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "argument": {"type": "string", "description": "The option or field that is at fault."},
        "state": {"type": "string", "description": "The job's true state."},
    },
    "required": ["type", "title", "status", "detail"],
}


def _write(operation: Operation, method: str, path: str) -> dict[str, Any]:
    responses: dict[str, Any] = {}
    for status, (meaning, struct, media_type) in operation.answers.items():
        responses[str(status)] = {"description": meaning}
        if media_type:
            schema = _reference(struct) if struct else {}
            responses[str(status)]["content"] = {media_type: {"schema": schema}}
    for status, types in _refusals(operation, method).items():
        meaning = "; ".join(f"{type.title} (`{type.uri}`)" for type in types)
        if str(status) not in responses:
            content = {problems.MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
            responses[str(status)] = {"description": meaning, "content": content}
    written: dict[str, Any] = {
        "summary": operation.summary,
        "operationId": f"{method}_{re.sub('[^a-z]+', '_', path).strip('_')}",
        "parameters": [
            *(
                {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
                for name in _names(path)
            ),
            *({"name": name, **PARAMETERS[name]} for name in operation.parameters),
        ],
        "responses": responses,
    }
    if operation.open:
        written["security"] = [{}]
    if operation.body is not None:
        written["requestBody"] = _with_references(operation.body)
    return written


def _refusals(operation: Operation, method: str) -> dict[int, list[ProblemType]]:
    types = [
        *operation.refusals,
        problems.BAD_REQUEST,
        problems.BAD_PARAMETER,
        problems.INTERNAL,
        problems.TOO_MANY_CONNECTIONS,
    ]
    if not operation.any_host:
        types.append(problems.WRONG_HOST)
    if not operation.open:
        types += [problems.SIGN_IN, problems.TOKEN_UNKNOWN]
    if method != "get":
        types.append(problems.CROSS_ORIGIN)
    if operation.asks_queue:
        types.append(problems.QUEUE_UNAVAILABLE)
    by_status: dict[int, list[ProblemType]] = {}
    for type in sorted(types, key=lambda type: (type.status, type.name)):
        by_status.setdefault(type.status, []).append(type)
    return by_status


def _upload_body(kinds: Kinds, *, forms: bool) -> dict[str, Any]:
    bare = {"schema": {"description": "The bare file; name, kind and options are in the address."}}
    content: dict[str, Any] = {FILE: bare}
    variants = [_form_schema(kind) for kind in kinds if kind.file is not None]
    if forms:
        schema = {"anyOf": variants} if variants else {"type": "object"}
        content["multipart/form-data"] = {"schema": schema}
    return {"required": True, "content": content}


def _form_schema(kind: Kind) -> dict[str, Any]:
    schema = {name: value for name, value in kind.view.schema.items() if name not in ("$schema", "$defs")}
    written: dict[str, Any] = _moved(schema)
    return written | {
        "properties": {
            "file": {
                "type": "string",
                "format": "binary",
                "description": "The file; several make several jobs.",
            },
            "kind": {"const": kind.view.kind},
            **_moved(schema.get("properties", {})),
        },
        "required": ["file", "kind", *schema.get("required", ())],
    }


def _definitions(kinds: Kinds) -> dict[str, Any]:
    return {
        name: _moved(definition)
        for kind in kinds
        for name, definition in kind.view.schema.get("$defs", {}).items()
    }


def _moved(value: Any) -> Any:
    """Point references into a schema of its own to where its definitions are in this document."""
    if isinstance(value, dict):
        return {
            key: inner.replace("#/$defs/", "#/components/schemas/") if key == "$ref" else _moved(inner)
            for key, inner in value.items()
        }
    return [_moved(each) for each in value] if isinstance(value, list) else value


def _names(path: str) -> list[str]:
    return [part[1:-1] for part in path.split("/") if part.startswith("{")]


def _reference(struct: type) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{struct.__name__}"}


def _with_references(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _with_references(inner) for key, inner in value.items()}
    return _reference(value) if isinstance(value, type) else value


def _version() -> str:
    try:
        return version("queuecore")
    except PackageNotFoundError:
        return "0"
