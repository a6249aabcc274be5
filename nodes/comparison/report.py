"""A comparison, or all votes, as one HTML file that needs nothing else and prints well.

Every text is escaped, and the file forbids itself scripts and foreign content, so a label or a caption can do
nothing but be read.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

from PIL import Image

from .decision import Decision
from .summary import Tally
from .votes import BAD, TIE, Vote

PICTURE_EDGE = 1280  # px; larger pictures are reduced for the report
_QUALITY = 90
_POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
_STYLE = """
:root { color-scheme: light dark; font: 15px/1.5 system-ui, "Noto Sans", sans-serif; }
body { max-width: 1200px; margin: 2rem auto; padding: 0 1rem; overflow-wrap: anywhere; }
h1 { font-size: 1.6rem; } h2 { font-size: 1.2rem; margin-top: 2rem; }
.row { display: flex; flex-wrap: wrap; gap: 1rem; break-inside: avoid; }
figure { flex: 1 1 260px; margin: 0; min-width: 0; }
.notes { white-space: pre-wrap; }
figure.chosen img { outline: 4px solid #2f9e62; outline-offset: -4px; }
img { display: block; width: 100%; height: auto; border-radius: 4px; }
.quiet, footer { opacity: .7; font-size: .9em; }
table { border-collapse: collapse; margin: .6rem 0; } th, td { padding: .2rem .7rem .2rem 0; text-align: start;
  border-bottom: 1px solid #8886; vertical-align: top; }
@media print {
  :root { color-scheme: light; } body { max-width: none; margin: 0; padding: 0; } section { break-inside: avoid; }
  figure { break-inside: avoid; } img { max-height: 60vh; object-fit: contain; }
}
"""


@dataclass(frozen=True)
class Figure:
    """One picture of the report."""

    title: str
    lines: tuple[str, ...]
    picture: Image.Image | bytes | None  # bytes: a JPEG as `jpeg` makes it; None where there is none
    chosen: bool = False


def jpeg(picture: Image.Image) -> bytes:
    """A picture reduced to the report's size, as JPEG."""
    small = picture.convert("RGB")
    small.thumbnail((PICTURE_EDGE, PICTURE_EDGE), Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    small.save(buffer, "JPEG", quality=_QUALITY)
    return buffer.getvalue()


def comparison_report(
    rows: Sequence[Sequence[Figure]],
    metrics: Mapping[str, Any],
    prompt: str = "",
    title: str = "Comparison",
    notes: str = "",
    decision: Decision | None = None,
) -> str:
    """The report of one run.

    Args:
        rows: for each row the pictures and difference maps that belong together.
        metrics: the `metrics` output, parsed.
        notes: the user's own words; stand below the title.
        decision: stands before the pictures.
    """
    parts = [_notes(notes), _opening(decision)]
    if prompt:
        parts.append(f"<p dir='auto'><b>Prompt:</b> {escape(prompt)}</p>")
    for number, row in enumerate(rows, start=1):
        heading = f"<h2>Pair {number} of {len(rows)}</h2>" if len(rows) > 1 else ""
        pairs = [pair for pair in metrics["pairs"] if pair["pair"] == number]
        parts.append(f"<section>{heading}{_figures(row)}{_numbers(pairs, metrics['meaning'])}</section>")
    if metrics["pairing"]["note"]:
        parts.append(f"<p>{escape(metrics['pairing']['note'])}</p>")
    alignment = metrics["alignment"]
    parts.append(f"<p>Aligned by “{escape(alignment['rule'])}”: {escape(alignment['meaning'])}.</p>")
    parts.append(f"<p>{escape(metrics['caution'])}</p>")
    return _page(title, "".join(parts))


def votes_report(
    votes: Sequence[Vote],
    groups: Mapping[str, Sequence[Tally]],
    picture: Callable[[str], bytes | None],
    title: str = "Votes",
    notes: str = "",
    decision: Decision | None = None,
) -> str:
    """The report of all votes.

    Args:
        groups: heading → tallies.
        picture: gives the JPEG that was kept under a SHA-256, or None if it is gone.
        notes, decision: as in `comparison_report`.
    """
    parts = [_notes(notes), _opening(decision)]
    for heading, tallies in groups.items():
        items = "".join(f"<li>{_grouped(tally)}</li>" for tally in tallies)
        if items:
            parts.append(f"<section><h2>{escape(heading)}</h2><ul>{items}</ul></section>")
    parts.append(f"<h2>All {len(votes)} votes</h2>")
    for vote in votes:
        figures = [
            Figure(
                side.label,
                tuple(f"{name}: {value}" for name, value in side.facts.items() if name != "prompt"),
                picture(side.kept) if side.kept else None,
                vote.choice == side.slot,
            )
            for side in vote.sides
        ]
        verdict = {TIE: "tie", BAD: "all bad"}.get(vote.choice) or next(
            f"<bdi>{escape(side.label)}</bdi> is better" for side in vote.sides if side.slot == vote.choice
        )
        blind = ", blind" if vote.blind else ""
        parts.append(
            f"<section><h3>{verdict}</h3><p class='quiet'>{escape(vote.cast_at)}{blind}"
            f"{escape(', ' + vote.category) if vote.category else ''}</p>"
            f"<p dir='auto'>{escape(vote.prompt)}</p>{_figures(figures)}</section>"
        )
    return _page(title, "".join(parts))


def _notes(notes: str) -> str:
    return f"<p class='notes' dir='auto'>{escape(notes.strip())}</p>" if notes.strip() else ""


def _opening(decision: Decision | None) -> str:
    """The numbers a decision needs, before any picture."""
    if decision is None:
        return ""
    told = "".join(f"<li>{escape(tally.sentence)}</li>" for tally in decision.tallies)
    head = "".join(f"<th dir='auto'>{escape(side.label)}</th>" for side in decision.sides)
    names = ("Cost of a picture", "Time of a picture", "Refused by the service's policy")
    columns = [side.rows() for side in decision.sides]
    rows = "".join(
        f"<tr><th>{name}</th>{''.join(f'<td>{escape(column[at])}</td>' for column in columns)}</tr>"
        for at, name in enumerate(names)
    )
    return (
        f"<section><h2>At a glance</h2>{f'<ul>{told}</ul>' if told else '<p>No votes on these yet.</p>'}"
        f"<table><tr><th></th>{head}</tr>{rows}</table>"
        "<p class='quiet'>Votes are all that were cast between these names. What was drawn on this machine costs no "
        "service's money, and what its own gate held back stands in the gate's record. Refusals are those on record "
        "here for the same models.</p></section>"
    )


def _grouped(tally: Tally) -> str:
    return (f"<b>{escape(tally.group)}</b>: " if tally.group else "") + escape(tally.sentence)


def _figures(figures: Sequence[Figure]) -> str:
    made = []
    for figure in figures:
        image = "<p class='quiet'>no picture</p>"
        if figure.picture is not None:
            data = figure.picture if isinstance(figure.picture, bytes) else jpeg(figure.picture)
            source = f"data:image/jpeg;base64,{base64.b64encode(data).decode()}"
            image = f"<img src='{source}' alt='{escape(figure.title)}'>"
        lines = "".join(f"<div class='quiet' dir='auto'>{escape(line)}</div>" for line in figure.lines)
        chosen = " class='chosen'" if figure.chosen else ""
        made.append(
            f"<figure{chosen}>{image}<figcaption><b dir='auto'>{escape(figure.title)}</b>{lines}</figcaption></figure>"
        )
    return f"<div class='row'>{''.join(made)}</div>"


def _numbers(pairs: Sequence[Mapping[str, Any]], meaning: Mapping[str, str]) -> str:
    names = [name for name in meaning if any(name in pair for pair in pairs)]
    if not names:
        return ""
    head = "".join(f"<th>{escape(str(pair['a']))} ↔ {escape(str(pair['b']))}</th>" for pair in pairs)
    rows = []
    for name in names:
        cells = "".join(f"<td>{escape(_shown(pair.get(name)))}</td>" for pair in pairs)
        rows.append(f"<tr><th>{escape(name)}</th>{cells}<td class='quiet'>{escape(meaning[name])}</td></tr>")
    return f"<table><tr><th></th>{head}<th></th></tr>{''.join(rows)}</table>"


def _shown(value: Any) -> str:
    if value is None:
        return "–"
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _page(title: str, body: str) -> str:
    return (
        f"<!doctype html><html lang='en'><head><meta charset='utf-8'><title>{escape(title)}</title>"
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
        "<meta name='viewport' content='width=device-width'>"
        f"<style>{_STYLE}</style></head><body><h1>{escape(title)}</h1>{body}"
        "<footer>Made with DALL·E to FLUX, Side-by-Side Compare.</footer></body></html>\n"
    )
