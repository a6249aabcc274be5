"""From what a node asks to what a hosted model is sent: DALL·E's knobs by rule, each reported in `info`.

1. Size: width and height on the model's grid, or its nearest shape; the picture is then cropped to the shape asked for,
   evenly on both sides, and scaled to exactly the size asked for.
2. Quality: standard (also low, medium, auto) and hd (also high, xhigh, max) are two numbers of steps, where a model has
   steps.
3. Style: vivid and natural are two guidances where a model has guidance; converted prompts get a sentence too.
4. n pictures are n jobs side by side; picture i is drawn from seed + i, in as many bits as the model takes.
5. moderation: auto is the provider's own default, low its most tolerant setting.
6. A prompt is converted as on the local nodes, unless it is an instruction for an edit, or is to stay; what is not
   wanted goes into the negative prompt where a model has one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import quote

from ..endpoints import Endpoint
from ..prompts.convert import ConversionRequest, convert
from ..prompts.targets import PromptMode, Style
from ..services.scrub import scrub
from ..services.settings import ServiceSettings
from ..services.spending import UnknownModel, is_free
from ..sizes import Size, parse_size
from .errors import NotPossible
from .hosted import AsInput, HostedModel, Use, Work
from .kinds import HostedKind
from .models import Model, ModelFamily
from .plan import Ask, Hosting, Operation, Plan, check_n, check_prompt

_HD = ("hd", "high", "xhigh", "max")
_STANDARD = ("standard", "low", "medium", "auto")
_MOST_NAMED = 8  # models in a message


def work_of(ask: Ask) -> Work:
    """Which of a model's uses a node asks for."""
    match ask.operation:
        case Operation.GENERATE:
            return Work.DRAW
        case Operation.EDIT:
            return Work.FILL if ask.has_mask else Work.EDIT
    return Work.VARY


def plan_hosted(ask: Ask, endpoint: Endpoint, kind: HostedKind, settings: ServiceSettings) -> Plan:
    """Decide what to send.

    Raises:
        NotPossible: this cannot be asked of this model; the message says what can.
        UnknownModel: with the line to add to the user's file.
        BadSize: `size` is not WIDTHxHEIGHT.
    """
    row, notes = _row(ask, endpoint, kind, settings)
    check_n(ask.n)
    use = _use(ask, row, kind)
    asked = parse_size(ask.size)
    inputs = list(ask.input_sizes)
    parameters: dict[str, Any] = {}
    text, prompt_mode = _prompt(ask, row, parameters, notes)
    if use.prompt:
        parameters[use.prompt] = text
    size = _size(asked, use, inputs, parameters, notes)
    parameters |= {**row.more, **use.more}
    _quality(ask, row, parameters, notes)
    _style(ask, row, parameters, prompt_mode, notes)
    _seed(ask, row, parameters, notes)
    _moderation(ask, row, parameters, notes)
    if ask.n > 1:
        notes.append(f"n={ask.n} is sent as {ask.n} jobs for one picture, side by side.")
    return Plan(
        ask=ask,
        operation=ask.operation,
        endpoint=endpoint,
        model=Model(row.name, ModelFamily.HOSTED, max_prompt=row.max_prompt, sizes=None, qualities=()),
        model_name=ask.model,
        parameters=parameters,
        asked_size=asked,
        sent_size=size,
        n=ask.n,
        seed=ask.seed,
        notes=tuple(notes),
        estimate_usd=_estimate(ask, row, size, inputs, endpoint, settings),
        partial_images=0,
        hosting=Hosting(
            path=use.path.replace(row.name, quote(ask.model, safe="/")),  # of a model that only the user's file names
            use=use,
            prompt=text,
            seed_field=row.seed,
            most_seed=row.most_seed,
            prompt_mode=prompt_mode,
            able=tuple(able_to(kind, work_of(ask))),
        ),
    )


def able_to(kind: HostedKind, work: Work) -> list[str]:
    """The models of a service that do this, in the order of its table."""
    return [name for name, row in kind.models.items() if work in row.uses]


def _row(ask: Ask, endpoint: Endpoint, kind: HostedKind, settings: ServiceSettings) -> tuple[HostedModel, list[str]]:
    """The model's row; a model that only the user's file names gets another's."""
    behind = settings.models.get(ask.model, ask.model)
    if behind in kind.models:
        return kind.models[behind], []
    if ask.model not in {*settings.models, *settings.prices, *endpoint.models}:
        name = scrub(ask.model[:64])
        raise UnknownModel(
            f"Endpoint '{endpoint.name}' ({endpoint.kind}) has no model '{name}' that this pack knows; choose "
            f"{_listed(able_to(kind, work_of(ask)) or list(kind.models))}, or, if you want to pay for this one, add in "
            f'endpoints.toml under [{endpoint.name}] the line: models = ["its-name"].'
        )
    like = kind.models[kind.like]
    note = f"{ask.model} is not in this pack's table, so it is asked in the way of {like.name}."
    return replace(like, price=None), [note]


def _use(ask: Ask, row: HostedModel, kind: HostedKind) -> Use:
    work = work_of(ask)
    use = row.uses.get(work)
    if use is None:
        able = able_to(kind, work)
        does = " and ".join(one.value for one in row.uses)
        local = ' or use the "… on FLUX" node with the same sockets'
        raise NotPossible(
            f"{row.name} {does}; no model of this service {work.value}: choose another endpoint,{local}."
            if not able
            else f"{row.name} {does}; a model that {work.value} here is {_listed(able)}: choose it,{local}."
        )
    if work is Work.DRAW:
        return use
    if ask.pictures < 1:
        raise NotPossible("No picture came to be changed; connect a batch of at least one.")
    if ask.pictures > use.most:
        raise NotPossible(
            f"{row.name} takes at most {use.most} picture(s) at once and {ask.pictures} came; send fewer pictures of "
            "the batch."
        )
    return use


def _listed(names: list[str]) -> str:
    shown = ", ".join(names[:_MOST_NAMED])
    return shown if len(names) <= _MOST_NAMED else f"{shown} …"


def _size(asked: Size, use: Use, inputs: list[Size], parameters: dict[str, Any], notes: list[str]) -> Size:
    if isinstance(use.size, AsInput):
        parameters |= use.size.more
        size = inputs[0] if inputs else asked
        if size != asked:
            notes.append(f"the result comes in the input's size; it is cropped and scaled to {asked}.")
        return size
    chosen = use.size.choose(asked)
    parameters |= chosen.parameters
    if chosen.size != asked:
        words = ", ".join(f"{name} {value}" for name, value in chosen.parameters.items())
        notes.append(f"size {asked} is asked for as {words}; the picture is cropped and scaled to {asked}.")
    return chosen.size


def _prompt(ask: Ask, row: HostedModel, parameters: dict[str, Any], notes: list[str]) -> tuple[str, str | None]:
    """The text to send, and the mode it was made in; None where prompts are not converted."""
    if ask.operation is Operation.VARIATION:
        return "", None
    if ask.style not in (None, Style.VIVID.value, Style.NATURAL.value):
        raise NotPossible(f"There is no style '{ask.style}'; choose vivid or natural.")
    if ask.prompt_mode not in (PromptMode.CONVERT.value, PromptMode.AS_IS.value):
        raise NotPossible(f"There is no prompt_mode '{ask.prompt_mode}'; choose convert or as is.")
    check_prompt(ask.prompt)
    text, mode = ask.prompt, None
    if row.target:
        # An instruction ("make the hat red") is no description; the rules are for descriptions.
        mode = ask.prompt_mode if work_of(ask) is not Work.EDIT else PromptMode.AS_IS.value
    if row.target and mode == PromptMode.CONVERT.value:
        style = Style(ask.style) if ask.style else Style.NONE
        done = convert(ConversionRequest(ask.prompt, style, ask.size, row.target))
        text = done.text
        notes += done.notes
        if row.negative and done.negative:
            parameters[row.negative] = done.negative
            notes.append(f"what is not wanted is sent as {row.negative}: {done.negative}.")
    if row.max_prompt and len(text) > row.max_prompt:
        raise NotPossible(
            f"The prompt has {len(text):,} characters and {row.name} reads {row.max_prompt:,}; shorten it."
        )
    return text, mode


def _quality(ask: Ask, row: HostedModel, parameters: dict[str, Any], notes: list[str]) -> None:
    if ask.quality is None:
        return
    if ask.quality not in (*_HD, *_STANDARD):
        raise NotPossible(f"There is no quality '{ask.quality}'; choose standard or hd.")
    if row.steps is None:
        if ask.quality in _HD:
            notes.append(f"quality {ask.quality} is dropped: {row.name} has one quality.")
        return
    name, standard, hd = row.steps
    parameters[name] = hd if ask.quality in _HD else standard
    notes.append(f"quality {ask.quality} is sent as {parameters[name]} steps.")


def _style(ask: Ask, row: HostedModel, parameters: dict[str, Any], prompt_mode: str | None, notes: list[str]) -> None:
    natural = ask.style == Style.NATURAL.value
    said = []
    if row.guidance:
        parameters[row.guidance[0]] = row.guidance[2 if natural else 1]
        said.append(f"guidance {parameters[row.guidance[0]]:g}")
    if more := row.styles.get(ask.style or ""):
        parameters |= more
        said.append(", ".join(f"{name} {str(value).lower()}" for name, value in more.items()))
    if not ask.style:
        return
    if prompt_mode == PromptMode.CONVERT.value:
        said.append("words in the prompt")
    notes.append(
        f"style {ask.style} is {'sent as ' + ' and '.join(said) if said else f'dropped: {row.name} has none'}."
    )


def _seed(ask: Ask, row: HostedModel, parameters: dict[str, Any], notes: list[str]) -> None:
    if not row.seed:
        notes.append(f"{row.name} takes no seed; here the seed only tells requests apart.")
        return
    parameters[row.seed] = ask.seed % (row.most_seed + 1)
    if parameters[row.seed] != ask.seed:
        notes.append(f"seed {ask.seed} is sent as {parameters[row.seed]}: {row.name} takes at most {row.most_seed}.")


def _moderation(ask: Ask, row: HostedModel, parameters: dict[str, Any], notes: list[str]) -> None:
    if row.safety:
        name, auto, low = row.safety
        parameters[name] = low if ask.moderation == "low" else auto
        if ask.moderation == "low":
            notes.append(f"moderation low is sent as {name} {low}.")
    elif ask.moderation == "low":
        notes.append(f"moderation low is dropped: {row.name} has one strictness.")


def _estimate(
    ask: Ask, row: HostedModel, size: Size, inputs: list[Size], endpoint: Endpoint, settings: ServiceSettings
) -> float | None:
    prices: Mapping[str, float] = settings.prices
    if ask.model in prices:
        return prices[ask.model]
    if is_free(endpoint):
        return 0.0
    return row.price.of(size, inputs) if row.price else None
