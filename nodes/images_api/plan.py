"""From what a node asks to what is sent: every mapping between models is written here, and reported.

The rules, in the order they are applied:
1. A model that was shut down at this endpoint is refused with its date and a living successor.
2. Size: as asked if the model takes it. gpt-image-2 and newer get the next larger size of the same shape,
   and the picture is scaled down to what was asked. Older GPT models get their square, wide or tall size.
3. Quality: GPT models get medium for standard and high for hd; DALL·E models get standard for auto.
4. Style: GPT models have none; it becomes a sentence at the end of the prompt. DALL·E 2 drops it.
5. n pictures are n requests for one, side by side.
6. response_format: base64 where the parameter exists.
Services that are no relatives of OpenAI's (`endpoints.HOSTED`) have rules of their own: `hosted_plan`.
Anything else a model cannot do stops here, before money is spent. So does a model that neither the table nor the
user's file names: a graph downloaded from a stranger must not choose what the user pays for.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from enum import Enum
from typing import TYPE_CHECKING, Any

from ..endpoints import HOSTED, BadEndpointsFile, Endpoint, Endpoints
from ..errors import DalleFluxError
from ..services.ledger import Wanted
from ..services.settings import ServiceSettings
from ..services.spending import check_known, is_free
from ..sizes import Size, parse_size
from . import prices
from .errors import NotPossible, RetiredModel
from .inputs import Sent
from .models import MAX_EDGE, MODELS, SUCCESSOR, Model, ModelFamily, fits_freely, model_named, next_larger

if TYPE_CHECKING:
    from .hosted import Use

MAX_N = 10
STYLE_SENTENCES = {
    "vivid": "Style: vivid, leaning towards the hyper-real and dramatic.",
    "natural": "Style: natural, less hyper-real looking.",
}
GPT_QUALITY = {"standard": "medium", "hd": "high"}


class Operation(Enum):
    """Which door of the Images API; the value is the word in its address."""

    GENERATE = "generations"
    EDIT = "edits"
    VARIATION = "variations"


@dataclass(frozen=True)
class Ask:
    """What a node asks, in DALL·E 3's words."""

    operation: Operation
    model: str
    size: str
    n: int
    seed: int
    prompt: str = ""
    quality: str | None = None
    style: str | None = None
    moderation: str = "auto"
    pictures: int = 0  # that travel with the request
    has_mask: bool = False
    input_sizes: tuple[Size, ...] = ()  # of these pictures, in px
    prompt_mode: str = "convert"  # or "as is"; at a hosted service


@dataclass(frozen=True)
class Hosting:
    """What a plan holds besides for a service that is no relative of OpenAI's."""

    path: str  # of the address, below base_url
    use: Use
    prompt: str  # as sent, whatever its parameter is called
    seed_field: str  # empty: the model takes no seed
    most_seed: int
    prompt_mode: str | None  # None: prompts are not converted
    able: tuple[str, ...]  # models of the service that do the same


@dataclass(frozen=True)
class Plan:
    """n equal requests for one picture each."""

    ask: Ask
    operation: Operation
    endpoint: Endpoint
    model: Model
    model_name: str  # as sent: the user's own name may differ from the row's
    parameters: Mapping[str, Any]  # as sent, without files and without streaming
    asked_size: Size
    sent_size: Size
    n: int
    seed: int
    notes: tuple[str, ...]  # what was mapped, one sentence each
    estimate_usd: float | None  # for one picture; None: nobody knows
    partial_images: int  # above 0: stream
    hosting: Hosting | None = None

    @property
    def prompt(self) -> str:
        """The text really sent; empty for a variation."""
        return self.hosting.prompt if self.hosting else str(self.parameters.get("prompt", ""))

    @property
    def address(self) -> str:
        """Where the request goes, at a hosted service."""
        return self.endpoint.base_url + (self.hosting.path if self.hosting else "")

    def seed_of(self, picture: int) -> int | None:
        """What picture number `picture` (from 0) is drawn from; None: the model takes no seed."""
        if self.hosting is None or not self.hosting.seed_field:
            return None
        return (self.seed + picture) % (self.hosting.most_seed + 1)

    def parameters_of(self, picture: int) -> dict[str, Any]:
        """What is sent for picture number `picture`, without files."""
        seed = self.seed_of(picture)
        more = {self.hosting.seed_field: seed} if self.hosting and seed is not None else {}
        return {**self.parameters, **more}

    def wanted(self, sent: Sent) -> list[Wanted]:
        """The n requests, for the ledger."""
        files = [hashlib.sha256(file.data).hexdigest() for file in sent.files]
        return [
            Wanted(
                key=self._key(index, files),
                endpoint=self.endpoint.name,
                operation=self.operation.value,
                model=self.model_name,
                estimate_usd=self.estimate_usd,
                what="picture",
                price_line=f'under [settings.images_api.prices] the line: "{self.model_name}" = 0.04  (USD a picture)',
                parameters=self.parameters_of(index),
                inputs=files,
                seed=self.seed,
                index=index,
            )
            for index in range(self.n)
        ]

    def _key(self, index: int, files: list[str]) -> str:
        """What makes picture `index` the same picture as one made before, as 64 hex digits."""
        same = {
            "endpoint": self.endpoint.name,
            "base_url": self.endpoint.base_url,
            "operation": self.operation.value,
            "parameters": dict(self.parameters),
            "files": files,
            "seed": self.seed,
            "index": index,
        }
        if self.hosting:
            same["path"] = self.hosting.path
        return hashlib.sha256(json.dumps(same, sort_keys=True).encode()).hexdigest()


def provider(endpoint: Endpoint) -> str:
    """Whose calendar of shutdowns holds at this endpoint: "openai", "azure" or "other"."""
    if endpoint.kind == "azure":
        return "azure"
    return "openai" if endpoint.is_openai else "other"


def retirement(model: Model, name: str, day: date, where: str) -> RetiredModel:
    """The error for a model that is gone."""
    title = {"dall-e-3": "DALL·E 3", "dall-e-2": "DALL·E 2"}.get(model.name, f"The model '{name}'")
    who = {"openai": "OpenAI", "azure": "Azure"}.get(where, "OpenAI")
    date_text = f"{day.day} {day:%B %Y}"
    local = '; the node "DALL·E 3 on FLUX" has the same sockets and needs no endpoint'
    return RetiredModel(f"{title} was retired by {who} on {date_text}; switch `model` to {SUCCESSOR}{local}.")


def make_plan(ask: Ask, endpoint: Endpoint, settings: ServiceSettings, today: date, *, previews: bool = True) -> Plan:
    """Decide what to send.

    Args:
        previews: False where somebody has to judge a picture before anybody may see it.

    Raises:
        RetiredModel, NotPossible: this cannot be asked of this model; the message says what can.
        UnknownModel: with the line to add to the user's file.
        BadSize: `size` is not WIDTHxHEIGHT.
    """
    if endpoint.kind in HOSTED:
        from .hosted_plan import plan_hosted  # it asks the kinds, which stand on this file
        from .kinds import hosted_kind

        return plan_hosted(ask, endpoint, hosted_kind(endpoint.kind), settings)
    model = model_named(ask.model, settings.models)
    where = provider(endpoint)
    if model.family is ModelFamily.UNKNOWN:
        check_known(ask.model, endpoint, {*settings.models, *settings.prices})
    if day := model.retired_on(where, today):
        raise retirement(model, ask.model, day, where)
    check_n(ask.n)
    _check_operation(ask, model, where)
    notes: list[str] = []
    asked = parse_size(ask.size)
    size = _size(asked, model, notes)
    parameters: dict[str, Any] = {"model": ask.model, "n": 1, "size": str(size)}
    if model.has_response_format:
        parameters["response_format"] = "b64_json"
    if ask.operation is not Operation.VARIATION:
        parameters["prompt"] = _prompt(ask, model, notes)
        if quality := _quality(ask, model, notes):
            parameters["quality"] = quality
        if ask.style and model.has_style and ask.operation is Operation.GENERATE:
            parameters["style"] = ask.style
    if model.has_moderation and ask.operation is Operation.GENERATE and ask.moderation != "auto":
        parameters["moderation"] = ask.moderation
    if ask.n > 1:
        notes.append(f"n={ask.n} is sent as {ask.n} requests for one picture, side by side.")
    partials = settings.partial_images if model.streams and previews else 0
    return Plan(
        ask=ask,
        operation=ask.operation,
        endpoint=endpoint,
        model=model,
        model_name=ask.model,
        parameters=parameters,
        asked_size=asked,
        sent_size=size,
        n=ask.n,
        seed=ask.seed,
        notes=tuple(notes),
        estimate_usd=_estimate(ask, model, size, parameters, partials, endpoint, settings),
        partial_images=partials,
    )


def cost_before(ask: Ask, endpoint: Endpoint, settings: ServiceSettings, today: date) -> float | None:
    """USD for all that is asked, as a budget counts it before sending; None: nobody knows, or it is refused."""
    try:
        plan = make_plan(ask, endpoint, settings, today)
    except DalleFluxError:
        return None
    return None if plan.estimate_usd is None else plan.estimate_usd * plan.n


def check_n(n: int) -> None:
    """Raises NotPossible: nobody is to ask for so many pictures at once."""
    if not 1 <= n <= MAX_N:
        raise NotPossible(f"n is {n} and must be 1 to {MAX_N}; queue the node again for more pictures.")


def check_prompt(prompt: str) -> None:
    """Raises NotPossible: it is no text, or an empty one."""
    if not prompt.strip():
        raise NotPossible("The prompt is empty; write what the picture should show.")
    try:
        prompt.encode()
    except UnicodeEncodeError:
        raise NotPossible(
            "The prompt holds half a character (a lone surrogate), so it is no text; write it anew."
        ) from None


def _check_operation(ask: Ask, model: Model, where: str) -> None:
    if ask.operation is Operation.VARIATION:
        if where != "other":
            raise RetiredModel(
                'OpenAI and Azure no longer take variations; use the node "DALL·E Edit" with a prompt, or '
                '"DALL·E Variation on FLUX", which has the same sockets, or name an endpoint that still has them.'
            )
        if not model.has_variations:
            raise NotPossible(f"'{ask.model}' cannot make variations; choose dall-e-2 at an endpoint that has it.")
        if ask.pictures != 1:
            raise NotPossible(f"A variation is made from one picture and {ask.pictures} came; pick one of the batch.")
    if ask.operation is Operation.EDIT:
        if ask.pictures < 1:
            raise NotPossible("No picture came to be changed; connect a batch of at least one.")
        if model.max_inputs == 0:
            raise NotPossible(f"'{ask.model}' never could edit; switch `model` to {SUCCESSOR}, or to dall-e-2.")
        if ask.pictures > model.max_inputs:
            raise NotPossible(
                f"'{ask.model}' edits at most {model.max_inputs} picture(s) at once and {ask.pictures} came; "
                "send fewer pictures of the batch."
            )
        if model.family is ModelFamily.DALLE2 and not ask.has_mask:
            raise NotPossible("dall-e-2 edits only where a mask says so; connect `mask` (1 = change).")


def _size(asked: Size, model: Model, notes: list[str]) -> Size:
    if model.family is ModelFamily.UNKNOWN or (model.sizes and str(asked) in model.sizes):
        return asked
    if model.sizes is None:
        if fits_freely(asked):
            return asked
        larger = next_larger(asked)
        if larger is None:
            raise NotPossible(
                f"{model.name} cannot draw {asked}: no edge above {MAX_EDGE} px, no more than 8,294,400 pixels, no "
                "shape beyond 3:1; choose a size within that."
            )
        notes.append(f"size {asked} is not offered; {larger} is asked for and scaled down to {asked}.")
        return larger
    if model.family is ModelFamily.GPT:
        square, wide, tall = model.sizes
        nearest = square if asked.width == asked.height else wide if asked.width > asked.height else tall
        notes.append(f"size {asked} is not offered by {model.name}; {nearest} is asked for.")
        return parse_size(nearest)
    raise NotPossible(f"{model.name} cannot draw {asked}; choose {', '.join(model.sizes)}.")


def _quality(ask: Ask, model: Model, notes: list[str]) -> str | None:
    asked = ask.quality
    if asked is None:
        return None
    if model.family is ModelFamily.UNKNOWN:
        return asked
    if model.family is ModelFamily.DALLE2 and asked in ("standard", "hd", "auto"):
        if asked != "standard":
            notes.append(f"quality {asked} is dropped: dall-e-2 has one quality.")
        return None  # the parameter itself is not part of dall-e-2's edits
    if model.family is ModelFamily.DALLE3 and asked == "auto":
        notes.append("quality auto is sent as standard.")
        return "standard"
    if model.family is ModelFamily.GPT and asked in GPT_QUALITY:
        notes.append(f"quality {asked} is sent as {GPT_QUALITY[asked]}.")
        return GPT_QUALITY[asked]
    if asked not in model.qualities:
        raise NotPossible(f"{model.name} has no quality '{asked}'; choose {', '.join(model.qualities)}.")
    return asked


def _prompt(ask: Ask, model: Model, notes: list[str]) -> str:
    prompt = ask.prompt
    check_prompt(prompt)
    if ask.style and ask.style not in STYLE_SENTENCES:
        raise NotPossible(f"There is no style '{ask.style}'; choose {' or '.join(STYLE_SENTENCES)}.")
    if ask.style and model.family is ModelFamily.GPT:
        prompt = f"{prompt.rstrip()}\n\n{STYLE_SENTENCES[ask.style]}"
        notes.append(f"style {ask.style} is written into the prompt: GPT image models have no such parameter.")
    elif ask.style and not model.has_style:
        notes.append(f"style {ask.style} is dropped: {model.name} has none.")
    if model.max_prompt and len(prompt) > model.max_prompt:
        raise NotPossible(
            f"The prompt has {len(prompt):,} characters and {model.name} reads {model.max_prompt:,}; shorten it."
        )
    return prompt


def _estimate(
    ask: Ask,
    model: Model,
    size: Size,
    parameters: Mapping[str, Any],
    partials: int,
    endpoint: Endpoint,
    own: ServiceSettings,
) -> float | None:
    if ask.model in own.prices:
        return own.prices[ask.model]
    if is_free(endpoint):
        return 0.0
    pictures = ask.pictures + ask.has_mask
    quality = parameters.get("quality")
    return prices.estimate(
        model, size, quality, prompt=str(parameters.get("prompt", "")), inputs=pictures, partials=partials
    )


def known_models(known: Endpoints) -> list[str]:
    """Names a node can offer besides the table's own, each once: those in the user's file, those of its services."""
    names = [name for endpoint in known.by_name.values() for name in endpoint.models]
    kinds = dict.fromkeys(endpoint.kind for endpoint in known.by_name.values() if endpoint.kind in HOSTED)
    if kinds:
        from .kinds import hosted_kind

        names += [name for kind in kinds for name in hosted_kind(kind).models]
    try:
        own = ServiceSettings.read(known.settings)
    except BadEndpointsFile:  # which a run will say
        own = ServiceSettings()
    return [name for name in dict.fromkeys([*names, *own.models, *own.prices]) if name not in MODELS]
