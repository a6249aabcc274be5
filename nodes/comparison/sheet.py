"""The labelled contact sheet: one column a picture, one row a pair, captions wrapped below."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from PIL import Image, ImageDraw

from .lettering import Lettering, is_rtl

MAX_PAGE_HEIGHT = 8192  # px; a longer sheet goes on on a further page
MAX_CAPTION_LINES = 8
MAX_NOTE_LINES = 6


@dataclass(frozen=True)
class Theme:
    """Colours of a sheet."""

    ground: str
    card: str
    text: str
    quiet: str
    warning: str
    slots: tuple[str, str, str, str]  # the colour of A, B, C and D, the same as in the widget


DARK = Theme("#14161b", "#1f232b", "#f2f4f8", "#a3acbb", "#ffb454", ("#5aa9ff", "#ff8f5a", "#5fd39a", "#d291ff"))
LIGHT = Theme("#f3f4f7", "#ffffff", "#15181e", "#5b6472", "#9a5b00", ("#1769c4", "#c4501a", "#11804c", "#8435c4"))
THEMES: dict[Literal["dark", "light"], Theme] = {"dark": DARK, "light": LIGHT}


@dataclass(frozen=True)
class Cell:
    """One picture of the sheet."""

    picture: Image.Image | None  # RGB; None where a batch ran out
    lines: tuple[str, ...] = ()  # caption, one paragraph each
    warning: str = ""  # such as a size that differs from A's


@dataclass(frozen=True)
class SheetRow:
    """The pictures that belong together."""

    cells: tuple[Cell, ...]
    note: str = ""  # one line below the pictures, such as the main numbers


@dataclass(frozen=True)
class _Measures:
    """Lengths in px, derived from the width of a cell."""

    cell: int
    columns: int

    @property
    def text(self) -> int:
        return max(11, round(self.cell / 38))

    @property
    def gap(self) -> int:
        return max(6, self.cell // 48)

    @property
    def width(self) -> int:
        return self.columns * (self.cell + self.gap) + self.gap

    @property
    def small(self) -> Lettering:
        return Lettering(self.text)

    @property
    def label(self) -> Lettering:
        return Lettering(round(self.text * 1.35), bold=True)

    @property
    def head_height(self) -> int:
        return self.label.line_height + 2 * self.gap


def draw_sheet(
    labels: Sequence[str], rows: Sequence[SheetRow], theme: Theme, cell: int, title: str = "", notes: str = ""
) -> list[Image.Image]:
    """Draw all rows.

    Args:
        labels: one a column.
        cell: width of a picture's place in px; a picture is fitted into it with its shape kept.
        title, notes: stand above everything on the first page.

    Returns:
        Pages of one size, mode RGB; several only when one would be higher than `MAX_PAGE_HEIGHT`.
    """
    measures = _Measures(cell, len(labels))
    drawn = [_draw_row(row, theme, measures) for row in rows]
    head = _draw_head(labels, theme, measures)
    pages = [[*_draw_title(title, notes, theme, measures), head]]
    is_new = True
    for strip in drawn:
        if not is_new and sum(s.height for s in pages[-1]) + strip.height > MAX_PAGE_HEIGHT:
            pages.append([head])
        pages[-1].append(strip)
        is_new = False
    height = max(sum(strip.height for strip in page) for page in pages) + measures.gap
    return [_stack(page, (measures.width, height), theme) for page in pages]


def _stack(strips: Sequence[Image.Image], size: tuple[int, int], theme: Theme) -> Image.Image:
    page = Image.new("RGB", size, theme.ground)
    y = 0
    for strip in strips:
        page.paste(strip, (0, y))
        y += strip.height
    return page


def _draw_title(title: str, notes: str, theme: Theme, m: _Measures) -> list[Image.Image]:
    """A strip with both; none where nothing is to be said."""
    room = m.width - 2 * m.gap
    lines = [(m.label, line, theme.text) for line in m.label.wrap(" ".join(title.split()), room, 2) if line]
    for paragraph in notes.splitlines():
        left = MAX_NOTE_LINES + 2 - len(lines)
        if paragraph.strip() and left > 0:
            lines += [(m.small, line, theme.quiet) for line in m.small.wrap(paragraph, room, left)]
    if not lines:
        return []
    strip = Image.new("RGB", (m.width, m.gap + sum(lettering.line_height for lettering, _, _ in lines)), theme.ground)
    draw = ImageDraw.Draw(strip)
    y = m.gap
    for lettering, line, colour in lines:
        x = m.width - m.gap - lettering.width(line) if is_rtl(line) else m.gap
        lettering.draw(draw, (x, y), line, colour)
        y += lettering.line_height
    return [strip]


def _draw_head(labels: Sequence[str], theme: Theme, m: _Measures) -> Image.Image:
    strip = Image.new("RGB", (m.width, m.head_height), theme.ground)
    draw = ImageDraw.Draw(strip)
    for column, label in enumerate(labels):
        x = m.gap + column * (m.cell + m.gap)
        letter, colour = "ABCD"[column], theme.slots[column]
        side = m.label.line_height
        draw.rounded_rectangle((x, m.gap, x + side, m.gap + side), radius=side // 4, fill=colour)
        m.label.draw(draw, (x + (side - m.label.width(letter)) / 2, m.gap), letter, theme.ground)
        if label.strip() and label.strip() != letter:
            (line,) = m.label.wrap(" ".join(label.split()), m.cell - side - m.gap, 1)
            m.label.draw(draw, (x + side + m.gap, m.gap), line, theme.text)
    return strip


def _draw_row(row: SheetRow, theme: Theme, m: _Measures) -> Image.Image:
    fitted = [_fitted(cell.picture, m.cell) for cell in row.cells]
    picture_height = max((picture.height for picture in fitted if picture), default=m.cell // 2)
    texts = [_caption(cell, theme, m) for cell in row.cells]
    caption_height = max(len(lines) for lines in texts) * m.small.line_height
    note = m.small.wrap(row.note, m.width - 2 * m.gap, 2) if row.note else []
    card_height = picture_height + caption_height + (m.gap if caption_height else 0)
    strip = Image.new(
        "RGB", (m.width, card_height + m.gap + len(note) * m.small.line_height + (m.gap if note else 0)), theme.ground
    )
    draw = ImageDraw.Draw(strip)
    for column, (picture, lines) in enumerate(zip(fitted, texts, strict=True)):
        x = m.gap + column * (m.cell + m.gap)
        draw.rectangle((x, 0, x + m.cell - 1, card_height - 1), fill=theme.card)
        if picture:
            strip.paste(picture, (x + (m.cell - picture.width) // 2, (picture_height - picture.height) // 2))
        else:
            for index, line in enumerate(m.small.wrap("no picture for this pair", m.cell - 2 * m.gap, 4)):
                at = (x + (m.cell - m.small.width(line)) / 2, picture_height / 3 + index * m.small.line_height)
                m.small.draw(draw, at, line, theme.quiet)
        y = picture_height + m.gap // 2
        for line, colour in lines:
            inner = x + m.gap // 2
            if is_rtl(line):
                inner = round(x + m.cell - m.gap // 2 - m.small.width(line))
            m.small.draw(draw, (inner, y), line, colour)
            y += m.small.line_height
    for index, line in enumerate(note):
        m.small.draw(draw, (m.gap, card_height + m.gap // 2 + index * m.small.line_height), line, theme.quiet)
    return strip


def _caption(cell: Cell, theme: Theme, m: _Measures) -> list[tuple[str, str]]:
    lines: list[tuple[str, str]] = []
    width = m.cell - m.gap
    if cell.warning:
        lines += [(line, theme.warning) for line in m.small.wrap(cell.warning, width, 2)]
    for number, paragraph in enumerate(cell.lines):
        room = MAX_CAPTION_LINES - len(lines)
        if paragraph and room > 0:
            lines += [
                (line, theme.text if number == 0 else theme.quiet) for line in m.small.wrap(paragraph, width, room)
            ]
    return lines


def _fitted(picture: Image.Image | None, cell: int) -> Image.Image | None:
    """The picture in a cell: reduced or enlarged to its width, at most twice as high as wide."""
    if picture is None:
        return None
    scale = min(cell / picture.width, 2 * cell / picture.height)
    size = (max(1, round(picture.width * scale)), max(1, round(picture.height * scale)))
    if size == picture.size:
        return picture
    # Pixels of a small picture stay pixels: a smooth enlargement would hide what is being compared.
    enlarged = scale >= 2
    return picture.resize(size, Image.Resampling.NEAREST if enlarged else Image.Resampling.LANCZOS)
