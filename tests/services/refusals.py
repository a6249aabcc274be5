"""Every error body OpenAI and Azure are known to send for images, by name.

Envelope: {"error": {"message", "type", "param", "code"}}. `REFUSALS` holds those that depend on no parameter.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Refusal(Exception):
    """An HTTP error reply."""

    status: int
    message: str
    type: str = "invalid_request_error"
    code: str | None = None
    param: str | None = None
    headers: dict[str, str] = field(default_factory=dict)
    extra: dict[str, Any] = field(default_factory=dict)  # further members of the error object

    def body(self) -> dict[str, Any]:
        error = {"message": self.message, "type": self.type, "param": self.param, "code": self.code}
        return {"error": {**error, **self.extra}}


def no_key() -> Refusal:
    return Refusal(
        401,
        "You didn't provide an API key. You need to provide your API key in an Authorization header using Bearer auth "
        "(i.e. Authorization: Bearer YOUR_KEY).",
    )


def bad_key(key: str) -> Refusal:
    """OpenAI echoes part of the key; this one echoes all of it, so that a leak shows in tests."""
    return Refusal(401, f"Incorrect API key provided: {key}.", code="invalid_api_key")


def retired(model: str) -> Refusal:
    """As observed after 12 May 2026: 400 and not 404, and before any other parameter is looked at."""
    return Refusal(
        400, f"The model '{model}' does not exist.", "image_generation_user_error", "invalid_value", param="model"
    )


def unknown_model(model: str) -> Refusal:
    return Refusal(404, f"The model `{model}` does not exist or you do not have access to it.", code="model_not_found")


def unknown_parameter(name: str) -> Refusal:
    return Refusal(400, f"Unknown parameter: '{name}'.", code="unknown_parameter", param=name)


def missing(name: str) -> Refusal:
    return Refusal(400, f"Missing required parameter: '{name}'.", code="missing_required_parameter", param=name)


def invalid(name: str, message: str, code: str = "invalid_value") -> Refusal:
    return Refusal(400, message, code=code, param=name)


def moderation_blocked(stage: str, categories: list[str]) -> Refusal:
    return Refusal(
        400,
        "Your request was rejected by the safety system. If you believe this is an error, contact us at "
        f"help.openai.com. safety_violations=[{', '.join(categories)}].",
        "image_generation_user_error",
        "moderation_blocked",
        extra={"moderation_details": {"moderation_stage": stage, "categories": categories}},
    )


def azure_content_filter() -> Refusal:
    return Refusal(400, "Your task failed as a result of our safety system.", code="contentFilter")


_QUOTA = "You exceeded your current quota, please check your plan and billing details."

REFUSALS: dict[str, Refusal] = {
    "content_policy_violation": Refusal(
        400,
        "Your request was rejected as a result of our safety system. Your prompt may contain text that is not "
        "allowed by our safety system.",
        code="content_policy_violation",
    ),
    "content_policy_violation_rewrite": Refusal(
        400,
        "Your request was rejected as a result of our safety system. Image descriptions generated from your prompt "
        "may contain text that is not allowed by our safety system. If you believe this was done in error, your "
        "request may succeed if retried, or by adjusting your prompt.",
        code="content_policy_violation",
    ),
    "moderation_blocked": moderation_blocked("input", ["violence", "self-harm"]),
    "contentFilter": azure_content_filter(),
    "model_not_found": unknown_model("dall-e-3"),
    "retired": retired("dall-e-3"),
    "deprecated": Refusal(
        404, "The model `dall-e-3` has been deprecated, learn more here: …", code="model_not_found"
    ),
    "invalid_api_key": Refusal(401, "Incorrect API key provided: sk-…abcd.", code="invalid_api_key"),
    "unverified": Refusal(
        403,
        "Your organization must be verified to use the model `gpt-image-2`. Please go to: "
        "https://platform.openai.com/settings/organization/general and click on Verify Organization.",
    ),
    "region": Refusal(
        403,
        "Country, region, or territory not supported",
        "request_forbidden",
        "unsupported_country_region_territory",
    ),
    "rate_limit_exceeded": Refusal(
        429,
        "Rate limit reached for gpt-image-2 on input-images per min. Limit: 5, Used: 5.",
        "requests",
        "rate_limit_exceeded",
        headers={"x-ratelimit-limit-requests": "5", "x-ratelimit-remaining-requests": "0",
                 "x-ratelimit-reset-requests": "1m26.4s"},
    ),
    "insufficient_quota": Refusal(429, _QUOTA, "insufficient_quota", "insufficient_quota"),
    "credit_balance_exhausted": Refusal(429, _QUOTA, "insufficient_quota", "credit_balance_exhausted"),
    "organization_spend_limit_exceeded": Refusal(
        429, _QUOTA, "insufficient_quota", "organization_spend_limit_exceeded"
    ),
    "project_spend_limit_exceeded": Refusal(429, _QUOTA, "insufficient_quota", "project_spend_limit_exceeded"),
    "organization_usage_limit_exceeded": Refusal(
        429, _QUOTA, "insufficient_quota", "organization_usage_limit_exceeded"
    ),
    "billing_hard_limit_reached": Refusal(
        400, "Billing hard limit has been reached.", code="billing_hard_limit_reached"
    ),
    "slow_down": Refusal(503, "Slow down.", "server_error", "slow_down"),
    "server_is_overloaded": Refusal(
        503, "The server is currently overloaded with other requests.", "server_error", "server_is_overloaded"
    ),
    "server_error": Refusal(
        500, "The server had an error while processing your request. Sorry about that!", "server_error"
    ),
    "too_large": Refusal(413, "Maximum content size limit exceeded.", code="request_too_large"),
}  # fmt: skip
