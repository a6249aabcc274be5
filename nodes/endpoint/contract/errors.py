"""Errors in OpenAI's envelope, `{"error": {"message", "type", "param", "code"}}`.

The official clients choose the exception by status: 400 BadRequestError, 401 AuthenticationError, 403
PermissionDeniedError, 404 NotFoundError, 409 ConflictError, 429 RateLimitError, 500 and above InternalServerError.
They retry 408, 409, 429 and 500 and above unless `x-should-retry` says no (source: openai-3.52.0 `_base_client.py`).
Messages and codes are those seen at OpenAI wherever they are known.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

NO_RETRY = {"x-should-retry": "false"}  # trying again would end the same way


class ApiError(Exception):
    """A request that is answered with an error."""

    def __init__(
        self,
        status: int,
        message: str,
        *,
        type: str = "invalid_request_error",
        code: str | None = None,
        param: str | None = None,
        headers: Mapping[str, str] | None = None,
        details: Mapping[str, Any] | None = None,
    ):
        super().__init__(message)
        self.status = status
        self.headers = dict(headers or {})
        self.body = {"error": {"message": message, "type": type, "param": param, "code": code, **(details or {})}}

    @property
    def code(self) -> str | None:
        """The error's name in the envelope."""
        code: str | None = self.body["error"]["code"]
        return code

    def as_bytes(self) -> bytes:
        """The body to send; text that no encoding can carry is replaced."""
        return json.dumps(self.body).encode()


def invalid(param: str | None, message: str, code: str | None = "invalid_value") -> ApiError:
    """A parameter that cannot be used."""
    return ApiError(400, message, param=param, code=code)


def unknown_parameter(name: str) -> ApiError:
    return invalid(name, f"Unknown parameter: '{name}'.", "unknown_parameter")


def missing_parameter(name: str) -> ApiError:
    return invalid(name, f"Missing required parameter: '{name}'.", "missing_required_parameter")


def unknown_model(name: str) -> ApiError:
    return ApiError(
        404,
        f"The model '{name[:100]}' does not exist here; GET /models lists those that do.",
        code="model_not_found",
        param="model",
    )


def not_found(what: str) -> ApiError:
    return ApiError(404, f"{what} does not exist here.", code="not_found")


def no_such_address(method: str, path: str) -> ApiError:
    return ApiError(404, f"Invalid URL ({method} {path[:200]}).", code="unknown_url")


def wrong_method(method: str, allowed: Sequence[str]) -> ApiError:
    message = f"Not allowed to {method[:20]} on this address; it takes {', '.join(allowed)}."
    return ApiError(405, message, code="method_not_supported", headers={"Allow": ", ".join(allowed)})


def wrong_content_type(wanted: str) -> ApiError:
    return ApiError(400, f"Unsupported content type; this address takes '{wanted}'.", code="unsupported_content_type")


def unreadable_body() -> ApiError:
    return ApiError(400, "We could not parse the JSON body of your request: it is no JSON object in UTF-8.")


def too_large(limit: int) -> ApiError:
    message = f"Maximum content size limit exceeded: a request may have {limit:,} bytes."
    return ApiError(413, message, code="request_too_large")


def no_key() -> ApiError:
    return ApiError(
        401,
        "You didn't provide an API key. You need to provide your API key in an Authorization header using Bearer auth "
        "(i.e. Authorization: Bearer YOUR_KEY).",
        headers={"WWW-Authenticate": "Bearer"},
    )


def bad_key() -> ApiError:
    message = "Incorrect API key provided; ask whoever runs this ComfyUI for one."
    return ApiError(401, message, code="invalid_api_key", headers={"WWW-Authenticate": "Bearer"})


def forbidden(message: str, code: str) -> ApiError:
    return ApiError(403, message, code=code)


def too_many(message: str, *, retry_after_s: float, code: str = "rate_limit_exceeded") -> ApiError:
    """The queue is full, or a key's limit is reached."""
    headers = {"Retry-After": str(max(1, round(retry_after_s)))}
    return ApiError(429, message, type="requests", code=code, headers=headers)


def refused(message: str, *, gpt: bool, stage: str = "input", categories: Sequence[str] = ()) -> ApiError:
    """The moderation gate holds the prompt or the pictures back.

    Args:
        gpt: in the shape of the GPT image models rather than DALL·E's.
        stage: "input" for the text, "output" for the pictures.
    """
    if not gpt:
        return ApiError(400, message, code="content_policy_violation")
    details = {"moderation_details": {"moderation_stage": stage, "categories": list(categories)}}
    return ApiError(400, message, type="image_generation_user_error", code="moderation_blocked", details=details)


def cancelled(message: str) -> ApiError:
    return ApiError(409, message, code="cancelled", headers=NO_RETRY)


def server_error(message: str, *, status: int = 500, code: str | None = None, retry: bool = False) -> ApiError:
    """This side failed. Clients try again only if told that it helps."""
    headers = {} if retry else NO_RETRY
    return ApiError(status, message, type="server_error", code=code, headers=headers)
