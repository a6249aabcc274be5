"""The nodes of the moderation gate."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from comfy_api.latest import io

from ..errors import DalleFluxError
from ..host import folders, running, schema
from .decision import NOT_JUDGED
from .gate import OnFlag
from .obscure import Cover
from .policy import (
    IF_INSTALLED,
    IMAGE_CHECKS,
    NO_POLICY,
    TEXT_CHECKS,
    BadPolicy,
    OnError,
    Policy,
    Preset,
    choices,
    make_policy,
)

if TYPE_CHECKING:
    import torch
    from comfy_execution.graph_utils import GraphBuilder
    from PIL import Image

    from .decision import Decision
    from .moderate import GateContext

CATEGORY = f"{schema.CATEGORY}/Moderation"
PolicySocket = io.Custom("DALLE_FLUX_POLICY")

# Raised by one whenever a check gave no answer, so that the host does not keep that outcome in its cache.
_unanswered = 0
_PICTURE_CHECKS = [IF_INSTALLED, f"{IF_INSTALLED} + openai", *choices(IMAGE_CHECKS)]


class DalleFluxModerationPolicy(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        names = folders.endpoints_to_choose_from().names()
        return io.Schema(
            node_id="DalleFluxModerationPolicy",
            display_name="Moderation Policy",
            category=CATEGORY,
            description="What the moderation gates check and how strictly: a ready-made policy, the checks that are "
            "asked, thresholds of single categories, and what happens when a check cannot answer.",
            inputs=[
                io.Combo.Input(
                    "preset",
                    options=[preset.value for preset in Preset],
                    default=Preset.DALLE_LIKE.value,
                    tooltip="DALL·E-like: about what DALL·E refused. family-safe: stricter. internal review only: lets "
                    "pass and marks for review. log only: lets pass and records. sexual/minors always blocks.",
                ),
                io.Combo.Input(
                    "text_check",
                    options=choices(TEXT_CHECKS),
                    default="local",
                    tooltip="Who checks prompts. Several: the strictest wins. local: word lists, offline. openai: "
                    "omni-moderation. llm guard: Llama Guard, ShieldGemma, gpt-oss-safeguard. google: your endpoint "
                    "'google', of that kind.",
                ),
                io.Combo.Input(
                    "image_check",
                    options=_PICTURE_CHECKS,
                    default=IF_INSTALLED,
                    tooltip="Who checks pictures. local: NudeNet, offline, judges nudity only (pip install nudenet). "
                    "local if installed: without it, pictures pass marked for review. openai: six categories.",
                ),
                io.Combo.Input(
                    "endpoint",
                    options=names,
                    default="openai",
                    tooltip="For the openai check: name of an endpoint in your endpoints.toml. Keys stay there.",
                ),
                io.Float.Input(
                    "threshold",
                    default=0.0,
                    min=0.0,
                    max=1.0,
                    step=0.01,
                    tooltip="0: the preset's thresholds. Above 0: a category counts from this score on, for all "
                    "categories that are not named below. sexual/minors counts from 0.3 on at the latest.",
                ),
                io.String.Input(
                    "categories",
                    multiline=True,
                    default="",
                    dynamic_prompts=False,
                    tooltip="One line a category, over the preset: violence = 0.8, hate = review, illicit = off, "
                    "sexual = block 0.3.",
                ),
                io.Combo.Input(
                    "on_error",
                    options=[choice.value for choice in OnError],
                    default=OnError.BLOCK.value,
                    tooltip="When a check cannot answer. block: hold the content back and say why. allow: let it pass, "
                    "marked for review.",
                ),
                io.String.Input(
                    "model",
                    default="omni-moderation-latest",
                    optional=True,
                    tooltip="Moderation model of the openai check.",
                ),
                io.Combo.Input(
                    "guard_endpoint",
                    options=names,
                    default="ollama",
                    optional=True,
                    tooltip="For the llm guard check: name of an endpoint in your endpoints.toml.",
                ),
                io.String.Input(
                    "guard_model",
                    default="llama-guard3",
                    optional=True,
                    tooltip="Model of the llm guard check; its name tells how it is asked: …llama-guard…, "
                    "…shieldgemma…, anything else gets a written policy and must answer JSON.",
                ),
            ],
            outputs=[PolicySocket.Output(display_name="policy", tooltip="For the gates and the generators.")],
            **schema.schema_extras(
                search_aliases=["moderation policy", "safety policy", "content policy", "nsfw policy"]
            ),
        )

    @classmethod
    def validate_inputs(cls, text_check: str, image_check: str, endpoint: str, guard_endpoint: str = "") -> bool | str:
        return True  # the lists are what the widgets offer; names are looked up when a check runs

    @classmethod
    def execute(
        cls,
        preset: str,
        text_check: str,
        image_check: str,
        endpoint: str,
        threshold: float,
        categories: str,
        on_error: str,
        model: str = "omni-moderation-latest",
        guard_endpoint: str = "ollama",
        guard_model: str = "llama-guard3",
    ) -> io.NodeOutput:
        return io.NodeOutput(
            make_policy(
                Preset(preset),
                text_check=text_check,
                image_check=image_check,
                endpoint=endpoint,
                threshold=threshold,
                categories=categories,
                on_error=OnError(on_error),
                model=model,
                guard_endpoint=guard_endpoint,
                guard_model=guard_model,
            )
        )


class DalleFluxModeratePrompt(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="DalleFluxModeratePrompt",
            display_name="Moderation Gate (prompt)",
            category=CATEGORY,
            description="Checks a prompt against a policy before anything slow or paid runs, holds back what the "
            "policy does not allow, and says which category and which check decided.",
            inputs=[
                io.String.Input(
                    "prompt",
                    multiline=True,
                    default="",
                    dynamic_prompts=False,
                    tooltip="The prompt to check.",
                ),
                io.Combo.Input(
                    "on_flag",
                    options=[choice.value for choice in OnFlag.for_prompts()],
                    default=OnFlag.STOP.value,
                    tooltip="stop: the run ends with a message. block: only this branch ends, silently; allowed and "
                    "report are still delivered. replace: the replacement goes on in place of the prompt.",
                ),
                io.String.Input(
                    "replacement",
                    multiline=True,
                    default="",
                    dynamic_prompts=False,
                    tooltip="With on_flag = replace: the prompt that goes on in place of one that is held back. It is "
                    "checked too.",
                ),
                policy_input(_WITHOUT_POLICY),
            ],
            outputs=[
                io.String.Output(display_name="prompt", tooltip="The prompt, or the replacement, or nothing at all."),
                io.Boolean.Output(display_name="allowed", tooltip="True if the policy lets the prompt pass."),
                io.String.Output(
                    display_name="report", tooltip="JSON: outcome, categories, scores, and every check's own verdict."
                ),
            ],
            hidden=[io.Hidden.unique_id],
            **schema.schema_extras(
                search_aliases=["moderation", "safety check", "nsfw filter", "content filter", "omni-moderation"]
            ),
        )

    @classmethod
    def fingerprint_inputs(cls, **_: Any) -> str:
        return f"{_unanswered} {minimum_fingerprint()}"

    @classmethod
    async def execute(cls, prompt: str, on_flag: str, replacement: str, policy: Policy | None = None) -> io.NodeOutput:
        from .decision import report
        from .gate import ContentRefused
        from .moderate import moderate_prompt

        policy, context, wanted = policy or Policy.from_preset(), _context(), OnFlag(on_flag)
        if wanted is OnFlag.REPLACE and not replacement.strip():
            raise BadPolicy("The gate is to replace prompts that are held back; fill in `replacement`, or use block.")
        decision = await running.in_thread(lambda: moderate_prompt(prompt, policy, context, wanted))
        _announce(cls, [decision])
        match OnFlag.STOP if wanted is OnFlag.DROP else wanted:
            case _ if decision.allowed:
                return io.NodeOutput(prompt, True, report([decision], "pass", decision.policy))
            case OnFlag.BLOCK:
                return io.NodeOutput(running.block(), False, report([decision], "block", decision.policy))
            case OnFlag.REPLACE:
                instead = await running.in_thread(lambda: moderate_prompt(replacement, policy, context))
                if not instead.allowed:
                    raise ContentRefused([instead])
                return io.NodeOutput(replacement, False, report([decision], "replace", decision.policy))
            case _:
                raise ContentRefused([decision])


class DalleFluxModerateImage(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="DalleFluxModerateImage",
            display_name="Moderation Gate (image)",
            category=CATEGORY,
            description="Checks every picture of a batch against a policy and holds back those that it does not "
            "allow, before they are saved, shown or sent anywhere.",
            inputs=[
                io.Image.Input("images", tooltip="The batch to check; each picture is judged by itself."),
                io.Combo.Input(
                    "on_flag",
                    options=[choice.value for choice in OnFlag],
                    default=OnFlag.STOP.value,
                    tooltip="stop: the run ends with a message. block: only this branch ends, silently. replace: "
                    "covered pictures go on in place of the flagged ones. drop: only the allowed ones go on.",
                ),
                policy_input(_WITHOUT_POLICY),
                io.Combo.Input(
                    "cover",
                    options=[how.value for how in Cover],
                    default=Cover.BLUR.value,
                    optional=True,
                    tooltip="With on_flag = replace: blur beyond recognition, or a plain grey card; both say so in a "
                    "caption.",
                ),
            ],
            outputs=[
                io.Image.Output(
                    display_name="images", tooltip="The batch; flagged pictures covered or left out as on_flag says."
                ),
                io.Boolean.Output(display_name="allowed", tooltip="True if the policy lets every picture pass."),
                io.String.Output(
                    display_name="report", tooltip="JSON: the outcome of each picture and every check's own verdict."
                ),
            ],
            hidden=[io.Hidden.unique_id],
            **schema.schema_extras(
                search_aliases=["nsfw detector", "nudenet", "safety checker", "image moderation", "nsfw filter"]
            ),
        )

    @classmethod
    def fingerprint_inputs(cls, **_: Any) -> str:
        return f"{_unanswered} {minimum_fingerprint()}"

    @classmethod
    async def execute(
        cls, images: torch.Tensor, on_flag: str, policy: Policy | None = None, cover: str = Cover.BLUR.value
    ) -> io.NodeOutput:
        from ..pictures import to_pil
        from .decision import report
        from .gate import ContentRefused

        policy, wanted = policy or Policy.from_preset(), OnFlag(on_flag)
        pictures = to_pil(images)
        decisions = await _judged(pictures, policy, wanted)
        _announce(cls, decisions)
        kept = [index for index, decision in enumerate(decisions) if decision.allowed]
        if len(kept) == len(decisions):
            return io.NodeOutput(images, True, report(decisions, "pass", policy.as_json()))
        match wanted:
            case OnFlag.REPLACE:
                covered = _covered(images, pictures, decisions, Cover(cover))
                return io.NodeOutput(covered, False, report(decisions, "replace", policy.as_json()))
            case OnFlag.DROP if kept:
                return io.NodeOutput(images[kept], False, report(decisions, "drop", policy.as_json()))
            case OnFlag.DROP | OnFlag.BLOCK:
                return io.NodeOutput(running.block(), False, report(decisions, "block", policy.as_json()))
            case _:
                raise ContentRefused(decisions)


_WITHOUT_POLICY = "From a Moderation Policy. Without one: DALL·E-like, the local checks, a check that fails holds back."


def policy_input(tooltip: str) -> io.Input:
    """The optional input `policy`."""
    return PolicySocket.Input("policy", optional=True, tooltip=tooltip)


async def hold_back_prompt(prompt: str, policy: Policy | None, drawn: Sequence[str] = ()) -> None:
    """The prompt gate inside another node: what every node calls that draws or sends a text.

    Without a policy the user's minimum holds, and sexual/minors always blocks.

    Args:
        prompt: as it was asked; may be empty.
        drawn: the texts made of it that will be drawn or sent, such as both converted ones.

    Raises:
        ContentRefused: the prompt or a text made of it is held back.
        BadModerationSettings, BadEndpointsFile: the user's file cannot be read.
    """
    from .gate import ContentRefused
    from .moderate import moderate_prompt

    context, given = _context(), policy or NO_POLICY
    if not any(text.strip() for text in (prompt, *drawn)):
        context.minimum()
        return
    decision = await running.in_thread(lambda: moderate_prompt(prompt, given, context, drawn=drawn))
    if not decision.allowed:
        raise ContentRefused([decision])


async def hold_back_pictures(images: torch.Tensor, policy: Policy | None) -> None:
    """The picture gate inside another node, for an IMAGE batch; without a policy the user's minimum holds.

    Raises:
        ContentRefused: not every picture may pass.
    """
    from ..pictures import to_pil
    from .gate import ContentRefused

    if policy is None and not judges_pictures(None):
        return
    decisions = await _judged(to_pil(images), policy or NO_POLICY, OnFlag.STOP)
    if not all(decision.allowed for decision in decisions):
        raise ContentRefused(decisions)


def behind_picture_gate(graph: GraphBuilder, images: Any, policy: Policy | None) -> Any:
    """The picture gate inside a graph that a node expands into: `images` (a link), or the link behind the gate."""
    if policy is None and not judges_pictures(None):
        return images
    return graph.node(
        "DalleFluxModerateImage", images=images, on_flag=OnFlag.STOP.value, policy=policy or NO_POLICY
    ).out(0)


def judges_pictures(policy: Policy | None) -> bool:
    """True if pictures are judged under `policy` or the user's minimum; then nobody may see them before.

    Raises:
        BadModerationSettings, BadEndpointsFile: the user's file cannot be read.
    """
    return replace(policy or NO_POLICY, minimum=_context().minimum()).judges_pictures


def minimum_fingerprint() -> str:
    """Changes when the user's minimum does, so that the host judges again what it judged under another one."""
    try:
        minimum = _context().minimum()
    except DalleFluxError as error:
        return str(error)
    return "" if minimum is None else repr(minimum)


def _context() -> GateContext:
    from .moderate import GateContext

    return GateContext(folders.endpoints, folders.state())


async def _judged(pictures: Sequence[Image.Image], policy: Policy, on_flag: OnFlag) -> list[Decision]:
    """One decision a picture; the node's bar moves along."""
    from .moderate import moderate_pictures

    context, progress = _context(), running.Progress(total=len(pictures))

    def one_by_one() -> Iterator[Image.Image]:
        for picture in pictures:
            if not progress.cancelled:
                yield picture
                progress.done += 1

    return await running.in_thread(lambda: moderate_pictures(one_by_one(), policy, context, on_flag), progress)


def _announce(node: type[io.ComfyNode], decisions: Sequence[Decision]) -> None:
    """One line on the node, without the content."""
    global _unanswered
    _unanswered += any(decision.failures for decision in decisions)
    held = [decision for decision in decisions if not decision.allowed]
    marked = any(decision.outcome.value == "review" for decision in decisions)
    unjudged = [h.matched for d in decisions for v in d.verdicts for h in v.hints if h.kind == NOT_JUDGED]
    passed = ": ".join(["passed, marked for review", *unjudged[:1]]) if marked else "passed"
    line = "; ".join(dict.fromkeys(d.reason() for d in held)) or passed
    of = f"{len(held)} of {len(decisions)} " if held and len(decisions) > 1 else ""
    running.show_text(node.hidden.unique_id, f"{of}held back: {line}" if held else line)


def _covered(
    images: torch.Tensor, pictures: Sequence[Image.Image], decisions: Sequence[Decision], how: Cover
) -> torch.Tensor:
    """IMAGE of the same shape in which pictures that are not allowed are covered."""
    from ..pictures import to_tensor
    from .obscure import cover

    result = images.clone()
    for index, decision in enumerate(decisions):
        if not decision.allowed:
            words = [category.value for category in decision.blocked] or ["check without an answer"]
            plain = to_tensor([cover(pictures[index], how, words)])[0].to(result)
            result[index] = 1.0  # alpha, where there is one
            result[index, ..., : min(3, result.shape[-1])] = plain[..., : min(3, result.shape[-1])]
    return result
