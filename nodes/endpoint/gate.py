"""The moderation gate in front of this server, and the same checks as an address of their own."""

from __future__ import annotations

import dataclasses
import uuid
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from ..errors import DalleFluxError
from ..moderation.categories import ON_PICTURES, Category
from ..moderation.checks import picture_checks
from ..moderation.decision import Decision
from ..moderation.gate import ContentRefused, check_pictures
from ..moderation.moderate import GateContext, moderate_pictures, moderate_prompt
from ..moderation.policy import IF_INSTALLED, BadPolicy, Policy, Preset, make_policy
from .contract.bodies import ImagePart, Moderation, TextPart
from .contract.errors import invalid
from .settings import BadEndpointSettings, EndpointSettings

if TYPE_CHECKING:
    from PIL import Image

MODEL = "omni-moderation-latest"  # what clients ask for; the checks are those of the policy
MAX_INPUTS = 32  # texts, or parts of one content


class EndpointGate:
    """Judges what is asked for and what was drawn, and records it."""

    def __init__(self, settings: Callable[[], EndpointSettings], context: GateContext):
        self._settings, self._context = settings, context

    def policy(self) -> Policy:
        """The policy that the user's file names.

        Raises:
            BadEndpointSettings: there is no such policy or check.
        """
        settings = self._settings()
        try:
            preset = Preset(settings.policy)
        except ValueError:
            raise BadEndpointSettings(
                f"endpoints.toml asks for the policy {settings.policy[:60]!r}, which does not exist; use one of "
                f"{', '.join(preset.value for preset in Preset)}."
            ) from None
        try:
            return make_policy(
                preset, text_check=settings.text_check or "local", image_check=settings.image_check or IF_INSTALLED
            )
        except BadPolicy as error:
            raise BadEndpointSettings(f"[settings.endpoint] in endpoints.toml cannot be used: {error}") from None

    def judge_prompt(self, prompt: str, drawn: Sequence[str] = ()) -> None:
        decision = moderate_prompt(prompt, self.policy(), self._context, drawn=drawn)
        if not decision.allowed:
            raise ContentRefused([decision])

    def judge_pictures(self, pictures: Sequence[Image.Image]) -> None:
        decisions = moderate_pictures(pictures, self.policy(), self._context)
        if not all(decision.allowed for decision in decisions):
            raise ContentRefused(decisions)

    def may_be_seen(self, picture: Image.Image) -> bool:
        """Previews are judged as pictures are, and not recorded."""
        policy = dataclasses.replace(self.policy(), minimum=self._context.minimum())
        (decision,) = check_pictures([picture], policy, picture_checks(policy, self._context.endpoints))
        return decision.allowed

    def moderations(self, body: Moderation) -> dict[str, Any]:
        """`POST moderations`: one result a text, or one for a content of several parts. Slow.

        Raises:
            ApiError: nothing to judge, or a picture that is not in the request itself.
            DalleFluxError: a check could not answer.
        """
        said = [body.input] if isinstance(body.input, str) else body.input
        if not 0 < len(said) <= MAX_INPUTS:
            raise invalid("input", f"Invalid 'input': between 1 and {MAX_INPUTS} inputs can be judged at once.")
        policy = self.policy()
        texts = [part.text if isinstance(part, TextPart) else part for part in said if not isinstance(part, ImagePart)]
        pictures = [_data_picture(part.image_url.url) for part in said if isinstance(part, ImagePart)]
        of_texts = [moderate_prompt(text, policy, self._context) for text in texts]
        of_pictures = moderate_pictures(pictures, policy, self._context) if pictures else []
        for decision in (*of_texts, *of_pictures):
            if decision.failures:
                raise _NoAnswer(decision)
        if isinstance(said[0], str):
            results = [_result([decision], []) for decision in of_texts]
        else:
            results = [_result(of_texts, of_pictures)]
        return {"id": f"modr-{uuid.uuid4().hex}", "model": body.model or MODEL, "results": results}


class _NoAnswer(DalleFluxError):
    code = "moderation_failed"

    def __init__(self, decision: Decision):
        super().__init__(f"The content could not be judged: {decision.reason()}.")


def _result(texts: Sequence[Decision], pictures: Sequence[Decision]) -> dict[str, Any]:
    """One result in OpenAI's format: the strictest of the decisions."""
    decisions = (*texts, *pictures)
    scores = {c: max((d.scores.get(c, 0.0) for d in decisions), default=0.0) for c in Category}
    flagged = {c: any(c in d.blocked or c in d.review for d in decisions) for c in Category}
    applied = {
        c: [*(["text"] if texts else []), *(["image"] if pictures and c in ON_PICTURES else [])] for c in Category
    }
    return {
        "flagged": any(flagged.values()),
        "categories": {c.value: flagged[c] for c in Category},
        "category_scores": {c.value: scores[c] for c in Category},
        "category_applied_input_types": {c.value: applied[c] for c in Category},
    }


def _data_picture(url: str) -> Image.Image:
    import base64
    import binascii

    from ..pictures import BadPicture, decode

    head, comma, data = url.partition(",")
    if not comma or not head.startswith("data:image/") or not head.endswith(";base64"):
        raise invalid("input", "Pictures are judged as data:image/…;base64,… only; nothing is fetched from elsewhere.")
    try:
        return decode(base64.b64decode(data, validate=True))
    except (BadPicture, binascii.Error, ValueError) as error:
        raise invalid("input", f"Invalid image: {error}", "invalid_image_file") from None
