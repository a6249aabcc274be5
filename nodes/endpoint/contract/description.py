"""The OpenAPI description, made from the same models that check the requests."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from .bodies import Edit, Generation, Moderation, Variation
from .rules import MAX_INPUTS, Operation

_REFERENCE = "#/components/schemas/{model}"
_FILE = {"type": "string", "format": "binary"}
_ERROR = {
    "type": "object",
    "required": ["error"],
    "properties": {
        "error": {
            "type": "object",
            "required": ["message", "type", "param", "code"],
            "properties": {
                "message": {"type": "string"},
                "type": {"type": "string"},
                "param": {"type": ["string", "null"]},
                "code": {"type": ["string", "null"]},
            },
        }
    },
}
_IMAGES = {
    "type": "object",
    "required": ["created", "data"],
    "properties": {
        "created": {"type": "integer"},
        "data": {
            "type": "array",
            "minItems": 1,
            "items": {
                "type": "object",
                "required": ["revised_prompt"],
                "properties": {
                    "url": {"type": "string", "format": "uri"},
                    "b64_json": {"type": "string"},
                    "revised_prompt": {"type": "string"},
                },
            },
        },
        "dalle_flux": {"type": "object", "description": "Extension: seed, settings, notes, a link to info."},
    },
}
_JOB = {
    "type": "object",
    "required": ["id", "object", "status"],
    "properties": {
        "id": {"type": "string"},
        "object": {"const": "image.job"},
        "operation": {"enum": [operation.value for operation in Operation]},
        "model": {"type": "string"},
        "status": {"enum": ["queued", "in_progress", "completed", "failed", "cancelled"]},
        "position": {"type": ["integer", "null"], "description": "How many are drawn before it."},
        "progress": {"type": "number", "minimum": 0, "maximum": 1},
        "created_at": {"type": "integer"},
        "completed_at": {"type": ["integer", "null"]},
        "status_code": {"type": ["integer", "null"], "description": "Of what a plain call would have answered."},
        "response": {"anyOf": [{"$ref": "#/components/schemas/Images"}, {"type": "null"}]},
        "error": {"type": ["object", "null"]},
    },
}
_EVENT = {
    "type": "object",
    "description": "One server-sent event: first …partial_image, if asked for, in the end …completed or error.",
    "required": ["event", "data"],
    "properties": {
        "event": {"type": "string"},
        "data": {"type": "string", "description": "JSON {type, b64_json, …} or {type, error}."},
    },
}
_STREAMING = ("stream", "partial_images")
_MODEL = {
    "type": "object",
    "required": ["id", "object", "created", "owned_by"],
    "properties": {
        "id": {"type": "string"},
        "object": {"const": "model"},
        "created": {"type": "integer"},
        "owned_by": {"type": "string"},
    },
}
_LIST = {
    "type": "object",
    "required": ["object", "data"],
    "properties": {"object": {"const": "list"}, "data": {"type": "array", "items": {"type": "object"}}},
}
_MODERATED = {
    "type": "object",
    "required": ["id", "model", "results"],
    "properties": {"results": {"type": "array", "minItems": 1, "items": {"type": "object"}}},
}


def describe(base_url: str) -> dict[str, Any]:
    """OpenAPI 3.1.

    Args:
        base_url: what clients call `base_url`, ending in /v1.
    """
    kinds: list[type[BaseModel]] = [Generation, Edit, Variation, Moderation]
    _, definitions = models_json_schema([(kind, "validation") for kind in kinds], ref_template=_REFERENCE)
    schemas = definitions["$defs"]
    edit, variation = schemas.pop("Edit"), schemas.pop("Variation")
    images = {"type": "array", "items": _FILE, "minItems": 1, "maxItems": MAX_INPUTS}
    schemas |= {
        "Error": _ERROR,
        "Images": _IMAGES,
        "Job": _JOB,
        "EditForm": _form(edit, {"image": images, "mask": _FILE}),
        "VariationForm": _form(variation, {"image": _FILE}),
        "Event": _EVENT,
    }
    schemas |= {
        "GenerationJob": _job(schemas["Generation"], [Operation.GENERATE]),
        "EditJobForm": _job(schemas["EditForm"], [Operation.EDIT]),
        "VariationJobForm": _job(schemas["VariationForm"], [Operation.VARIATION]),
    }
    job_id = {"name": "id", "in": "path", "required": True, "schema": {"type": "string"}}
    return {
        "openapi": "3.1.0",
        "info": {"title": "OpenAI Images API on this ComfyUI", "version": "1", "description": "DALL·E to FLUX"},
        "servers": [{"url": base_url}],
        "security": [{}, {"key": []}],
        "components": {"schemas": schemas, "securitySchemes": {"key": {"type": "http", "scheme": "bearer"}}},
        "paths": {
            "/images/generations": {"post": _drawing("createImage", _json("Generation"))},
            "/images/edits": {"post": _drawing("createImageEdit", _multipart("EditForm"))},
            "/images/variations": {"post": _drawing("createImageVariation", _multipart("VariationForm"))},
            "/moderations": {
                "post": {
                    "operationId": "createModeration",
                    "requestBody": {"required": True, "content": _json("Moderation")},
                    "responses": _answers(200, _MODERATED),
                }
            },
            "/models": {"get": {"operationId": "listModels", "responses": _answers(200, _LIST)}},
            "/models/{id}": {
                "get": {"operationId": "getModel", "parameters": [job_id], "responses": _answers(200, _MODEL)}
            },
            "/jobs": {
                "get": {"operationId": "listJobs", "responses": _answers(200, _LIST)},
                "post": {
                    "operationId": "createJob",
                    "description": "The body of any of the three operations, with `operation` beside it and, if "
                    "wanted, `webhook`.",
                    "requestBody": {
                        "required": True,
                        "content": {
                            **_json("GenerationJob"),
                            "multipart/form-data": {
                                "schema": {"anyOf": [_ref("EditJobForm"), _ref("VariationJobForm")]}
                            },
                        },
                    },
                    "responses": _answers(202, _ref("Job")),
                },
            },
            "/jobs/{id}": {
                "get": {
                    "operationId": "getJob",
                    "parameters": [job_id],
                    "responses": _answers(200, _ref("Job")),
                },
                "delete": {
                    "operationId": "cancelJob",
                    "parameters": [job_id],
                    "responses": _answers(200, _ref("Job")),
                },
            },
        },
    }


def _drawing(operation_id: str, content: dict[str, Any]) -> dict[str, Any]:
    """An operation that answers with pictures."""
    answers = _answers(200, {"$ref": "#/components/schemas/Images"})
    answers["200"]["content"]["text/event-stream"] = {"schema": _ref("Event")}
    return {
        "operationId": operation_id,
        "parameters": [{"name": "Idempotency-Key", "in": "header", "schema": {"type": "string", "maxLength": 255}}],
        "requestBody": {"required": True, "content": content},
        "responses": answers,
    }


def _answers(status: int, schema: dict[str, Any]) -> dict[str, Any]:
    error = {"description": "OpenAI's envelope.", "content": _json("Error")}
    good = {"description": "As asked for.", "content": {"application/json": {"schema": schema}}}
    return {str(status): good, "4XX": error, "5XX": error}


def _form(schema: dict[str, Any], files: dict[str, Any]) -> dict[str, Any]:
    """A body's fields beside its files."""
    properties = {**files, **schema["properties"]}
    return {**schema, "properties": properties, "required": ["image", *schema.get("required", [])]}


def _job(schema: dict[str, Any], operations: list[Operation]) -> dict[str, Any]:
    """The same body for `POST jobs`, which streams nothing."""
    properties = {name: field for name, field in schema["properties"].items() if name not in _STREAMING}
    properties["operation"] = {"enum": [operation.value for operation in operations]}
    properties["webhook"] = {"type": ["string", "null"], "description": "A name in this ComfyUI's endpoints.toml."}
    return {**schema, "properties": properties, "required": [*schema.get("required", []), "operation"]}


def _ref(name: str) -> dict[str, Any]:
    return {"$ref": _REFERENCE.format(model=name)}


def _json(name: str) -> dict[str, Any]:
    return {"application/json": {"schema": _ref(name)}}


def _multipart(name: str) -> dict[str, Any]:
    return {"multipart/form-data": {"schema": _ref(name)}}
