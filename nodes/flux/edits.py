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
from .families import Edits, Family, traits
from .settings import AUTO, STYLES, SamplingSettings, canvas_for, settings_for
from .texts import prompt_request

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class Edit:
    """What is to be done, whichever family does it."""

    pictures: torch.Tensor  # IMAGE [N,H,W,3]; the first is edited, FLUX.2 may look at the others
    mask: torch.Tensor | None  # MASK [1,H,W] of the picture's size, where it is redrawn
    asked: Size  # of the result
    outpaints: bool  # the picture is drawn on beyond its borders

    @property
    def families(self) -> tuple[Family, ...]:
        """Who can do it, in order: some redraw a part, others read what to change in the whole."""
        if self.outpaints:
            return tuple(family for family in Family if traits(family).outpaints)
        ways = (Edits.WORDS, Edits.REFERENCES) if self.mask is None else (Edits.MASK,)
        return tuple(family for family in Family if traits(family).edits in ways)

    @property
    def picture(self) -> torch.Tensor:
        """The one that is edited, IMAGE [1,H,W,3]."""
        return self.pictures[:1]

    @property
    def own(self) -> Size:
        """Size of the picture."""
        return Size(self.pictures.shape[2], self.pictures.shape[1])

    def drawn_by(self, family: Family) -> Size:
        """Size of what the model is to draw; a masked edit is brought to the size asked for afterwards."""
        return self.own if traits(family).edits is Edits.MASK and not self.outpaints else self.asked

    def settings(self, quality: str, n: int, family: Family) -> SamplingSettings:
        """DALL·E's other knobs, translated; raises what `settings_for` raises."""
        settings = settings_for(str(self.drawn_by(family)), quality, STYLES[0], n, family)
        if traits(family).edits is Edits.WORDS:
            return dataclasses.replace(settings, canvas=canvas_for(self.asked, family, self.own))
        return settings

    def request(self, prompt: str, family: Family) -> ConversionRequest:
        """What is to be done to the prompt: by a mask it describes the result, else it is an instruction."""
        mode = PromptMode.CONVERT if traits(family).edits is Edits.MASK else PromptMode.AS_IS
        return prompt_request(prompt, mode, None, str(self.drawn_by(family)), family)

    def notes(self, settings: SamplingSettings) -> list[str]:
        """One sentence for each thing that was mapped by rule."""
        notes = list(settings.notes)
        if self.outpaints:
            notes.append(f"The picture is {self.own}; its surroundings were drawn to fill {self.asked}.")
        elif self.asked != self.drawn_by(settings.family):
            notes.append(f"The picture is {self.own}; it was edited at that size and then brought to {self.asked}.")
        if len(self.pictures) > 1 and traits(settings.family).edits is not Edits.REFERENCES:
            notes.append("Of several pictures the first was edited; FLUX.2 looks at all of them.")
        return notes


def edit_for(pictures: torch.Tensor, mask: torch.Tensor | None, size: str) -> Edit:
    """What an edit comes to.

    Args:
        pictures: IMAGE `[N,H,W,3]`.
        mask: MASK of any size, or None; an empty one counts as none.
        size: of the result, or "auto".

    Raises:
        BadSize: `size` is none.
    """
    own = Size(pictures.shape[2], pictures.shape[1])
    asked = own if size == AUTO else parse_size(size)
    redraw = masks.for_picture(mask, own) if mask is not None and masks.marks_something(mask) else None
    return Edit(pictures, redraw, asked, masks.has_room(own, asked, masked=redraw is not None))


def edited(
    graph: graphs.Builder,
    models: graphs.Models,
    edit: Edit,
    settings: SamplingSettings,
    texts: graphs.Texts,
    seeds: Sequence[int],
) -> graphs.Link:
    """IMAGE at the size asked for, one picture a seed, each drawn alone."""
    picture = edit.picture
    way = traits(settings.family).edits
    if way is Edits.REFERENCES:
        return graphs.by_reference(graph, models, settings, texts, [[seed] for seed in seeds], edit.pictures)
    if way is Edits.WORDS:
        return graphs.kontext(graph, models, settings, texts, seeds, picture)
    redraw = picture.new_zeros(picture.shape[:3]) if edit.mask is None else edit.mask
    if edit.outpaints:
        larger = masks.outpaint(picture, edit.asked)
        picture, redraw = larger.picture, masks.moved(redraw, edit.asked).maximum(larger.room)
    fill = masks.for_fill(redraw)
    show = redraw if edit.outpaints else fill.show
    images = graphs.fill(graph, models, settings, texts, seeds, picture, fill.redraw, show)
    if edit.asked == edit.drawn_by(settings.family):
        return images
    return graphs.scaled(graph, images, edit.asked, crop="center")
