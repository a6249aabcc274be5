"""The part that ChatGPT played for DALL·E: an LLM writes the prompt out. Trusted with words, not with facts.

The rules go first; what they made is what the LLM is asked to write out. Its answer is checked: nothing that
the prompt said may be lost, no quoted text invented. It gets one second chance, with the complaint; after
that the rules' text is used and the report says so. Prompts that are to be used as they are never get here.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Protocol

from ..errors import DalleFluxError
from ..state import State
from .answers import find, store
from .convert import Conversion, ConversionRequest, convert
from .fidelity import Item, items, missing
from .language import language_of
from .quoting import clean
from .report import Rewriting
from .rules.cues import split_cues
from .targets import Style, Target
from .tokens import ESTIMATE, Tokenizers

INSTRUCTIONS = Path(__file__).with_name("instructions.md")
OWN_INSTRUCTIONS = "rewriter_instructions.md"  # in the state folder; used instead of the file above when it exists
ATTEMPTS = 2
_LONGEST_SOURCE = 12_000  # characters; nobody's prompt for a picture is longer, and LLMs have limits
_LONGEST_ANSWER = 100_000
_BRACE = re.compile(r"\{")
_BEFORE_PROSE = re.compile(r"\A(?:```\w{0,20} ?|(?:here[^:]{0,80}|prompt) ?: ?)", re.IGNORECASE)


class NoAnswer(DalleFluxError):
    """The LLM gave nothing to work with: too slow, broken off, an error of its own. The rules' text will do."""

    code = "rewriter_no_answer"


class BadInstructions(DalleFluxError):
    """The user's own instructions cannot be used."""

    code = "bad_rewriter_instructions"


@dataclass(frozen=True)
class Message:
    """One turn of the conversation with the LLM."""

    role: str  # "system", "user", "assistant"
    content: str


class Rewriter(Protocol):
    """What a node's `rewriter` socket carries."""

    @property
    def name(self) -> str:
        """For the report: which model, where."""

    @property
    def key(self) -> str | None:
        """All that the answer depends on besides the messages; None if answers are not to be kept on disk."""

    @property
    def prose_allowed(self) -> bool:
        """True if the LLM cannot be held to JSON, so that plain prose is an answer too."""

    def ask(self, messages: tuple[Message, ...]) -> str:
        """The LLM's answer, as it came.

        Raises:
            NoAnswer: try no more, use the rules' text.
            DalleFluxError: something the user has to put right.
        """


def instructions(state: State) -> str:
    """The user's own instructions if there are any, else ours.

    Raises:
        BadInstructions: the user's file is empty, no text, or cannot be read.
    """
    own = state.root / OWN_INSTRUCTIONS
    try:
        text = own.read_text("utf-8-sig")[:_LONGEST_ANSWER].strip()
    except FileNotFoundError:
        return INSTRUCTIONS.read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise BadInstructions(f"{own} cannot be read ({error}); save it as UTF-8 text, or remove it.") from None
    if not text:
        raise BadInstructions(f"{own} is empty; write instructions for the rewriter into it, or remove it.")
    return text


def converted(
    request: ConversionRequest, rewriter: Rewriter | None, state: State, tokenizers: Tokenizers = ESTIMATE
) -> Conversion:
    """`rewrite` where there is a rewriter, else `convert`."""
    return rewrite(request, rewriter, state, tokenizers) if rewriter else convert(request, tokenizers)


def rewrite(
    request: ConversionRequest, rewriter: Rewriter, state: State, tokenizers: Tokenizers = ESTIMATE
) -> Conversion:
    """Convert by rules, have the result written out, check it, and convert that; the rules' result if it fails.

    Raises:
        DalleFluxError: what `rewriter.ask` wants the user to put right; a bad size or frozen text.
    """
    ruled = convert(request, tokenizers)
    if ruled.report.mode in ("as_is", "frozen") or not ruled.t5xxl.strip():
        return _with(ruled, Rewriting(rewriter.name, "skipped"))
    source = split_cues(ruled.text)[0]
    if len(source) > _LONGEST_SOURCE:
        return _with(ruled, Rewriting(rewriter.name, "fell_back", ("the prompt is too long to be written out",)))
    wanted = items(source, words=language_of(source) == "en")
    messages: tuple[Message, ...] = (Message("system", instructions(state)), Message("user", _task(source, request)))
    key = _key(rewriter, messages)
    known = find(state, key) if key else None
    if known:
        return _written(known, request, ruled, Rewriting(rewriter.name, "from_disk"), tokenizers)
    complaints: list[str] = []
    for attempt in range(1, ATTEMPTS + 1):
        try:
            raw = rewriter.ask(messages)
        except NoAnswer as error:
            complaints.append(str(error))
            return _with(ruled, Rewriting(rewriter.name, "fell_back", tuple(complaints), attempt))
        text = prompt_in(raw, prose_allowed=rewriter.prose_allowed)
        wrong = complaint(text, wanted, source, request.target, tokenizers)
        if text and not wrong:
            if key:
                store(state, key, rewriter.name, text)
            done = Rewriting(rewriter.name, "rewritten", tuple(complaints), attempt)
            return _written(text, request, ruled, done, tokenizers)
        complaints.append(wrong)
        messages = (*messages[:2], Message("assistant", raw[:4000]), Message("user", _again(wrong)))
    return _with(ruled, Rewriting(rewriter.name, "fell_back", tuple(complaints), ATTEMPTS))


def prompt_in(raw: str, *, prose_allowed: bool) -> str:
    """The prompt in an LLM's answer: after its thinking, in its JSON, wherever that stands. Empty if there is none."""
    answer = clean(raw[:_LONGEST_ANSWER])
    answer = answer.rsplit("</think>", 1)[-1] if "</think>" in answer else answer.split("<think>", 1)[0]
    answer = answer.strip()
    decoder = json.JSONDecoder(strict=False)  # LLMs put bare line ends into strings
    for opening in islice(_BRACE.finditer(answer), 50):
        try:
            data, _ = decoder.raw_decode(answer, opening.start())
        except (ValueError, RecursionError):
            continue
        if isinstance(data, dict) and isinstance(data.get("prompt"), str):
            return " ".join(data["prompt"].split())
    if prose_allowed and "{" not in answer:
        prose = " ".join(answer.removesuffix("```").split())
        return _BEFORE_PROSE.sub("", prose).strip()
    return ""


_REFUSAL = re.compile(
    r"\A\W*(?:i['’]?m (?:sorry|unable)|i am (?:sorry|unable)|sorry|i can(?:no|['’])t|i won['’]t|as an ai)\b",
    re.IGNORECASE,
)


def complaint(text: str, wanted: list[Item], source: str, target: Target, tokenizers: Tokenizers) -> str:
    """What is wrong with an answer, said so that the LLM can put it right; empty if nothing is."""
    if not text:
        return "The answer holds no JSON object with a text `prompt`."
    if _REFUSAL.match(text):
        return "The answer is a refusal and no prompt."
    if _loops(text):
        return "The answer repeats itself."
    if len(text) > 20_000 or tokenizers.t5(text) > target.text_limit - 40:
        return f"The prompt is too long; at most {target.text_limit // 2} words."
    lost = missing(wanted, text)
    if lost:
        return "These got lost and must stay: " + "; ".join(f"{item.kind} {_named(item)}" for item in lost[:20]) + "."
    mine = {item.text for item in items(source) if item.kind == "quoted"}
    invented = [item.text for item in items(text) if item.kind == "quoted" and item.text not in mine]
    if invented:
        return "Nobody asked for this text in quotation marks: " + "; ".join(f"“{text}”" for text in invented[:5]) + "."
    return ""


def _named(item: Item) -> str:
    return f"“{item.text}”" if item.kind == "quoted" else item.text


def _loops(text: str) -> bool:
    words = text.lower().split()
    runs = Counter(tuple(words[start : start + 6]) for start in range(len(words) - 5))
    return any(times >= 3 for times in runs.values())


def _task(source: str, request: ConversionRequest) -> str:
    lines = [f"Request:\n{source}", f"Image model: {request.target.value}"]
    if request.style is not Style.NONE:
        lines.append(f"Style: {request.style.value}")
    if request.size:
        lines.append(f"Picture format: {request.size} pixels (do not mention the numbers)")
    return "\n\n".join(lines)


def _again(wrong: str) -> str:
    return f"{wrong} Write the prompt again, with that put right, as JSON alone."


def _key(rewriter: Rewriter, messages: tuple[Message, ...]) -> str | None:
    if rewriter.key is None:
        return None
    told = json.dumps([rewriter.key, [[message.role, message.content] for message in messages]], ensure_ascii=False)
    return hashlib.sha256(told.encode("utf-8", "replace")).hexdigest()


def _written(
    text: str, request: ConversionRequest, ruled: Conversion, done: Rewriting, tokenizers: Tokenizers
) -> Conversion:
    """The rewritten text through the rules: cues, escapes, lengths; the report tells both stories."""
    result = convert(replace(request, prompt=text), tokenizers)
    report = replace(
        result.report,
        language=ruled.report.language,
        changes=ruled.report.changes + result.report.changes,
        not_kept=ruled.report.not_kept,
        asked=ruled.report.asked,
        size=ruled.report.size,
    )
    return replace(result, report=report.with_rewriting(done, mode="rewritten"))


def _with(ruled: Conversion, done: Rewriting) -> Conversion:
    return replace(ruled, report=ruled.report.with_rewriting(done))
