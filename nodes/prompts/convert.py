"""One prompt in, the two texts for FLUX out, and a report of what was changed and why.

`convert` is deterministic and needs no network, no model and no host: same request, same result, on every
machine. Converting a result again changes nothing.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from ..sizes import Size, parse_size
from .composing import compose_long, compose_short
from .fidelity import Item, items, missing
from .frozen import thaw
from .language import READABLE_BY_T5, language_of
from .quoting import clean, escape, protect, render, restore, says_something, unescape
from .report import Lost, Report, Tokens
from .rule import Notice, RuleContext
from .rules import in_order
from .rules.cues import split_cues
from .targets import CLIP_LIMIT, PromptMode, Style, Target
from .tokens import ESTIMATE, Tokenizers

_EMBEDDING = re.compile(r"(?:\A|[ \n])embedding:")  # as the host looks for it (source: ComfyUI comfy/sd1_clip.py)
_PLAIN = re.compile(r"[\w ,.'’-]*", re.ASCII)
_MOST_PASSES = 6  # rules are made so that a second pass finds nothing; this bounds what they overlook
_NO_CONTENT = frozenset(rule.name for rule in in_order if not rule.content)
_REWORDING = frozenset(rule.name for rule in in_order if rule.rewords)
_CHECKED = 20_000  # characters up to which a result is checked item by item
_LONGEST_NEGATIVE = 1000  # characters
_MOST_GONE = 500  # items; more than a report shows


@dataclass(frozen=True)
class ConversionRequest:
    """What to convert, and for what."""

    prompt: str
    style: Style = Style.VIVID
    size: str = "1024x1024"  # the size that will be drawn; "" for none in particular
    target: Target = Target.DEV
    mode: PromptMode = PromptMode.CONVERT
    describe_artists: bool = False
    frozen: str = ""  # texts edited by hand, see `frozen`


@dataclass(frozen=True)
class Conversion:
    """The two texts, escaped the way the host wants them, and how they came about."""

    t5xxl: str
    clip_l: str
    guidance: float | None  # None: the target takes none
    report: Report

    @property
    def text(self) -> str:
        """The long text as people read it: the revised prompt."""
        return unescape(self.t5xxl)

    @property
    def negative(self) -> str:
        """What is not wanted, as people read it; empty for a target that has no negative prompt."""
        return unescape(self.report.negative)

    @property
    def notes(self) -> tuple[str, ...]:
        """One sentence for each rule that changed the text, and what a person should know about it."""
        told = self.report.as_dict()
        changed = [f"The prompt was changed by the rule {one['rule']}: {one['reason']}" for one in told["rules"]]
        return (*changed, *(one["message"] for one in told["warnings"]))


def convert(request: ConversionRequest, tokenizers: Tokenizers = ESTIMATE) -> Conversion:
    """Convert by rules, or take the frozen texts where there are some.

    Raises:
        BadSize: `request.size` is no size.
        BadFrozenText: `request.frozen` is no text this pack wrote.
    """
    context = _context(request)
    frozen = thaw(request.frozen, request.prompt)
    if frozen:
        text, context.quotes = protect(frozen.t5xxl)
        context.warnings += frozen.warnings
        return _finish(request, context, text, tokenizers, mode="frozen", short=frozen.clip_l)
    text, context.quotes = protect(clean(request.prompt))
    context.language = language_of(restore(text, context.quotes))
    if request.mode is PromptMode.AS_IS:
        context.verbatim = True
        return _finish(request, context, text.strip(), tokenizers, mode="as_is")
    text = _until_settled(text, context)
    return _finish(request, context, text, tokenizers, mode="as_is" if context.verbatim else "rules")


def _context(request: ConversionRequest) -> RuleContext:
    size: Size | None = parse_size(request.size) if request.size.strip() else None
    return RuleContext(request.style, size, request.target, describe_artists=request.describe_artists)


def _apply(text: str, context: RuleContext) -> str:
    """Every rule once, in order. A rule that would leave nothing is not let."""
    if not _has_content(text):
        return text.strip()
    for rule in in_order:
        if rule.english and context.language != "en":
            continue
        context.rule = rule.name
        changes, quotes, asked = len(context.changes), context.quotes, dict(context.asked)
        after = rule.apply(text, context)
        if after != text and not _has_content(after) and _has_content(text):
            del context.changes[changes:]
            context.quotes, context.asked = quotes, asked
            context.declined = True
            continue
        text = after
        if context.verbatim:
            return text.strip()
    return text


def _is_plain(text: str) -> bool:
    """True for prose: what the rules that reword found nothing in, they find nothing in after the others either."""
    return "--" not in text and _PLAIN.fullmatch(text) is not None


def _has_content(text: str) -> bool:
    return says_something(split_cues(text)[0])


def _until_settled(text: str, context: RuleContext) -> str:
    """Apply the rules, and again to their own result until it stands, so that converting twice changes nothing."""
    for _ in range(_MOST_PASSES):
        after = _apply(text, context)
        if context.verbatim:
            break
        reworded = context.declined or any(change.rule in _REWORDING for change in context.changes)
        if not reworded and _is_plain(text):
            break
        said = render(after, context.quotes)
        if said == render(text, context.quotes):
            break
        text, context.quotes = protect(clean(said))
        context.language = language_of(restore(text, context.quotes))
    return after


def _finish(
    request: ConversionRequest,
    context: RuleContext,
    text: str,
    tokenizers: Tokenizers,
    *,
    mode: str,
    short: str | None = None,
) -> Conversion:
    def read(part: str) -> str:
        return restore(part, context.quotes)

    limit = request.target.text_limit
    if mode == "rules":
        text, t5_tokens = _fitted(text, limit, context, tokenizers)
    else:
        plain = read(text)
        t5_tokens = _counter(request.target, tokenizers)(plain) if len(plain) < _CHECKED else limit + 1
        if t5_tokens > limit:
            context.warn(
                "long", f"The text is longer than the {limit} tokens that {request.target.value} learned from."
            )
    if short is None:
        short = render(compose_short(text, CLIP_LIMIT, lambda part: tokenizers.clip(read(part)), read), context.quotes)
    t5xxl = render(text, context.quotes)
    _hint(request, context, t5xxl, tokenizers)
    clip_tokens = tokenizers.clip(unescape(short)) if len(short) < _CHECKED else CLIP_LIMIT + 1
    if context.left_out:
        context.warn("shortened", f"{len(context.left_out)} part(s) did not fit into {limit} tokens and were left out.")
    report = Report(
        mode=mode,
        target=request.target,
        language=context.language,
        changes=tuple(context.changes),
        warnings=tuple(context.warnings),
        not_kept=_not_kept(t5xxl, context) if mode == "rules" else (),
        left_out=tuple(context.left_out),
        tokens=Tokens(t5_tokens, limit, clip_tokens, CLIP_LIMIT, tokenizers.measured),
        guidance=request.target.guidance(request.style),
        steps=request.target.steps,
        size=str(context.asked.get("size") or request.size),
        asked=dict(context.asked),
        negative=escape(", ".join(dict.fromkeys(context.negative))[:_LONGEST_NEGATIVE]),
    )
    return Conversion(t5xxl, short, report.guidance, report)


def _fitted(text: str, limit: int, context: RuleContext, tokenizers: Tokenizers) -> tuple[str, int]:
    """`text` within `limit` tokens, and how many it has. What a shortening brings to light, the rules see again."""
    count = _counter(context.target, tokenizers)
    for _ in range(_MOST_PASSES):
        long = compose_long(text, limit, lambda part: count(restore(part, context.quotes)))
        if not long.left_out:
            break
        context.left_out += map(context.read, long.left_out)
        text = _until_settled(long.text, context)
    return long.text, long.tokens


def _counter(target: Target, tokenizers: Tokenizers) -> Callable[[str], int]:
    """What the long text is measured by: SDXL has no T5."""
    return tokenizers.clip if target is Target.SDXL else tokenizers.t5


def _not_kept(result: str, context: RuleContext) -> tuple[Lost, ...]:
    """What was said and is not any more, each with the rule or the shortening that took it."""
    taken = " \n ".join(
        [change.before for change in context.changes if change.rule in _REWORDING] + context.left_out
    )[:_CHECKED]  # fmt: skip
    if not taken.strip():
        return ()
    gone = missing(items(taken, words=context.language == "en"), result)[:_MOST_GONE]
    lost = (Lost(item, _why(item, context)) for item in gone)
    return tuple(one for one in lost if one.why not in _NO_CONTENT)


def _why(item: Item, context: RuleContext) -> str:
    for change in context.changes:
        if item.kind == "quoted" and change.rule in ("chat", "tool_call") and item.text in change.before:
            return change.rule
        if item.text in change.before and item.text not in change.after:
            return change.rule
    return "shortened" if any(item.text in part for part in context.left_out) else "unexplained"


def _hint(request: ConversionRequest, context: RuleContext, t5xxl: str, tokenizers: Tokenizers) -> None:
    plain = unescape(t5xxl[:_CHECKED])
    if not plain.strip():
        context.warnings.append(Notice("empty", "The prompt is empty; FLUX will draw something of its own."))
        return
    if "embedding:" in plain and _EMBEDDING.search(plain):
        context.warn("embedding", "ComfyUI takes “embedding:…” for the name of a file; there is no way to escape it.")
    if not request.target.reads_with_t5:
        return
    if context.language not in READABLE_BY_T5:
        context.warn(
            "language",
            f"The prompt seems to be in '{context.language}', which FLUX's text encoders read badly or not at all; "
            "connect a prompt rewriter to have it translated.",
        )
    elif not plain.isascii() or any(character in plain for character in "{}~^`<\\"):
        unknown = tokenizers.t5_unknown(plain)
        if unknown:
            context.warn("unreadable", f"{unknown} place(s) of the text hold characters that T5 cannot read.")
