"""The nodes of the moderation gate."""

from __future__ import annotations

import asyncio

from comfy_api.latest import io

from .. import host
from . import gate
from .checks import text_checks
from .decision import report
from .gate import ContentRefused, OnFlag
from .policy import Policy

CATEGORY = f"{host.CATEGORY}/Moderation"
PolicySocket = io.Custom("DALLE_FLUX_POLICY")


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
                    tooltip="The prompt to check, up to 100,000 characters and more.",
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
                    tooltip="With on_flag = replace: the prompt that goes on in place of one that is held back.",
                ),
                PolicySocket.Input(
                    "policy",
                    optional=True,
                    tooltip="From a Moderation Policy. Without one: DALL·E-like, local check, a check that fails "
                    "holds back.",
                ),
            ],
            outputs=[
                io.String.Output(display_name="prompt", tooltip="The prompt, or the replacement, or nothing at all."),
                io.Boolean.Output(display_name="allowed", tooltip="True if the policy lets the prompt pass."),
                io.String.Output(
                    display_name="report", tooltip="JSON: outcome, categories, scores, and every check's own verdict."
                ),
            ],
            **host.schema_extras(
                search_aliases=["moderation", "safety check", "nsfw filter", "content filter", "omni-moderation"]
            ),
        )

    @classmethod
    async def execute(cls, prompt: str, on_flag: str, replacement: str, policy: Policy | None = None) -> io.NodeOutput:
        policy = policy or Policy.from_preset()
        checks = text_checks(policy)
        decision = await asyncio.to_thread(gate.check_prompt, prompt, policy, checks)
        if decision.allowed:
            return io.NodeOutput(prompt, True, report([decision], "pass", policy.as_json()))
        match OnFlag(on_flag):
            case OnFlag.STOP:
                raise ContentRefused([decision])
            case OnFlag.REPLACE:
                return io.NodeOutput(replacement, False, report([decision], "replace", policy.as_json()))
            case _:
                return io.NodeOutput(host.block(), False, report([decision], "block", policy.as_json()))
