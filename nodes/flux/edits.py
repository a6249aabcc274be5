"""One picture to be edited: by a mask, by words alone, or by drawing on beyond its borders."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..prompts.convert import ConversionRequest
from ..prompts.targets import PromptMode
from ..sizes import Size, parse_size
from . import graphs, masks
from .settings import AUTO, STYLES, Family, SamplingSettings, kontext_canvas, settings_for
from .texts import prompt_request

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class Edit:
    """What is to be done."""

    picture: torch.Tensor  # IMAGE [1,H,W,3]
    mask: torch.Tensor | None  # MASK [1,H,W] of the picture's size, where it is redrawn
    asked: Size  # of the result
    outpaints: bool  # the picture is drawn on beyond its borders

    @property
    def family(self) -> Family:
        """Fill redraws a part, Kontext reads what to change in the whole."""
        return Family.FILL if self.mask is not None or self.outpaints else Family.KONTEXT

    @property
    def own(self) -> Size:
        """Size of the picture."""
        return Size(self.picture.shape[2], self.picture.shape[1])

    @property
    def drawn(self) -> Size:
        """Size of what the model is given; a masked edit is brought to the size asked for afterwards."""
        return self.asked if self.outpaints or self.family is Family.KONTEXT else self.own

    def settings(self, quality: str, n: int) -> SamplingSettings:
        """DALL·E's other knobs, translated; raises what `settings_for` raises."""
        settings = settings_for(str(self.drawn), quality, STYLES[0], n, self.family)
        if self.family is Family.KONTEXT:
            return dataclasses.replace(settings, canvas=kontext_canvas(self.own, self.asked))
        return settings

    def request(self, prompt: str) -> ConversionRequest:
        """What is to be done to the prompt: Fill's describes the result, Kontext's is an instruction."""
        mode = PromptMode.AS_IS if self.family is Family.KONTEXT else PromptMode.CONVERT
        return prompt_request(prompt, mode, None, str(self.drawn), self.family)

    def notes(self, settings: SamplingSettings) -> list[str]:
        """One sentence for each thing that was mapped by rule."""
        notes = list(settings.notes)
        if self.outpaints:
            notes.append(f"The picture is {self.own}; its surroundings were drawn to fill {self.asked}.")
        elif self.asked != self.drawn:
            notes.append(f"The picture is {self.own}; it was edited at that size and then brought to {self.asked}.")
        return notes


def edit_for(picture: torch.Tensor, mask: torch.Tensor | None, size: str) -> Edit:
    """What an edit comes to.

    Args:
        picture: IMAGE `[1,H,W,3]`.
        mask: MASK of any size, or None; an empty one counts as none.
        size: of the result, or "auto".

    Raises:
        BadSize: `size` is none.
    """
    own = Size(picture.shape[2], picture.shape[1])
    asked = own if size == AUTO else parse_size(size)
    redraw = masks.for_picture(mask, own) if mask is not None and masks.marks_something(mask) else None
    return Edit(picture, redraw, asked, masks.has_room(own, asked, masked=redraw is not None))


def edited(
    graph: graphs.Builder,
    models: graphs.Models,
    edit: Edit,
    settings: SamplingSettings,
    texts: graphs.Texts,
    seeds: Sequence[int],
) -> graphs.Link:
    """IMAGE at the size asked for, one picture a seed."""
    picture = edit.picture
    if edit.family is Family.KONTEXT:
        return graphs.kontext(graph, models, settings, texts, seeds, picture)
    redraw = picture.new_zeros(picture.shape[:3]) if edit.mask is None else edit.mask
    if edit.outpaints:
        larger = masks.outpaint(picture, edit.asked)
        picture, redraw = larger.picture, masks.moved(redraw, edit.asked).maximum(larger.room)
    fill = masks.for_fill(redraw)
    show = redraw if edit.outpaints else fill.show
    images = graphs.fill(graph, models, settings, texts, seeds, picture, fill.redraw, show)
    return images if edit.asked == edit.drawn else graphs.scaled(graph, images, edit.asked, crop="center")
