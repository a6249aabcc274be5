"""The check "openai": OpenAI's moderation models, or a server that speaks the same API, by a named endpoint.

Source: openai-python `types/moderation*.py`; guide at developers.openai.com/api/docs/guides/moderation. Text is
judged in all thirteen categories, pictures in six. A list of strings gets one result each.
"""

from __future__ import annotations

import base64
import io
import math
import re
from collections.abc import Callable
from typing import Any

from PIL import Image

from ..endpoints import Endpoint
from ..services.client import Client
from ..services.spending import Account, no_account, paying
from .categories import ALL, ON_PICTURES, Category
from .decision import Finding, Verdict
from .service import CheckNonsense, CheckRefused, ask

PART = 8_000  # characters of a prompt judged at once; long texts would dilute a short passage
OVERLAP = 200
_FREE = re.compile(r"(omni|text)-moderation-")  # source: OpenAI's moderation guide, "free to use"
_TOKENS_A_PICTURE = 4_000  # elsewhere; more than any known model counts
LONGEST_EDGE = 1536  # pixels; larger pictures are scaled down before they are sent


class OpenAICheck:
    """Judges prompts and pictures with a moderation model."""

    name = "openai"

    def __init__(self, endpoint: Endpoint, model: str, account: Callable[[], Account] = no_account):
        """`account` is asked for where a model is not free: every one but OpenAI's own, wherever there is a key."""
        self._endpoint = endpoint
        self._model = model
        self._account = account

    def check(self, content: str | Image.Image) -> Verdict:
        """Judge a prompt or a picture.

        Raises:
            CheckFailed: no answer; MissingKey: the endpoint's key is not set.
        """
        if isinstance(content, str):
            return self._text(content)
        url = "data:image/jpeg;base64," + base64.b64encode(_jpeg(content)).decode()
        answer = self._ask([{"type": "image_url", "image_url": {"url": url}}])
        return self._verdict(answer, 1, ON_PICTURES)

    def _text(self, text: str) -> Verdict:
        if not text.strip():
            return Verdict(self.name, self._model, ALL)  # the API refuses an empty text, and there is nothing to judge
        parts = [text[start : start + PART] for start in range(0, max(len(text) - OVERLAP, 1), PART - OVERLAP)]
        return self._verdict(self._ask(parts), len(parts), ALL)

    def _ask(self, given: list[Any]) -> Any:
        endpoint, model = self._endpoint, self._model
        if endpoint.kind == "azure":
            raise CheckRefused(
                f"endpoint '{endpoint.name}' is an Azure resource, which has no moderation API; name an "
                "OpenAI-compatible endpoint in the policy."
            )

        def question(client: Client) -> Any:
            moderations = client.sdk.moderations.with_streaming_response
            return moderations.create(model=model, input=given, extra_headers=client.headers)

        if endpoint.is_openai or _FREE.match(model):
            return ask(endpoint, model, question)
        tokens = sum(len(part) if isinstance(part, str) else _TOKENS_A_PICTURE for part in given)
        with paying(endpoint, model, self._account, "moderation call", tokens, 0) as paid:
            answer = ask(endpoint, model, question)
            paid(answer)
        return answer

    def _verdict(self, answer: Any, expected: int, judges: frozenset[Category]) -> Verdict:
        """Strictly read; a field that is missing is a failure, `illicit` may be null on old models."""
        try:
            results = answer["results"]
            if len(results) != expected:
                raise ValueError("wrong number of results")
            read = [_result(result, judges) for result in results]
            model = str(answer["model"])[:100]
        except (KeyError, TypeError, ValueError, AttributeError):
            raise CheckNonsense(
                f"endpoint '{self._endpoint.name}' answered in a form that is not OpenAI's moderation API; check the "
                "endpoint and the policy's model."
            ) from None
        judged = frozenset.intersection(*(frozenset(scores) for scores, _ in read))
        scores = {c: max(scores[c] for scores, _ in read) for c in Category if c in judged}
        flags = frozenset(c for _, flags in read for c in flags)
        findings = tuple(
            Finding(c, round(scores[c], 4), f"openai/{c.value}")
            for c in Category
            if c in flags or scores.get(c, 0) >= 0.1
        )
        return Verdict(self.name, model, judged, scores, flags, findings)


def _result(result: Any, judges: frozenset[Category]) -> tuple[dict[Category, float], set[Category]]:
    scores: dict[Category, float] = {}
    flags: set[Category] = set()
    for category in judges:
        score, flag = result["category_scores"].get(category.value), result["categories"].get(category.value)
        if score is None and flag is None and category in (Category.ILLICIT, Category.ILLICIT_VIOLENT):
            continue
        if isinstance(score, bool) or not isinstance(score, (int, float)) or not isinstance(flag, bool):
            raise ValueError("no score or no flag")
        if not (math.isfinite(score) and 0.0 <= score <= 1.0):
            raise ValueError("a score outside of 0…1")
        scores[category] = float(score)
        if flag:
            flags.add(category)
    return scores, flags


def _jpeg(picture: Image.Image) -> bytes:
    small = picture.convert("RGB")
    small.thumbnail((LONGEST_EDGE, LONGEST_EDGE), Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    small.save(buffer, "JPEG", quality=92)
    return buffer.getvalue()
