"""The end of a migration: originals beside their reproductions, as sheets and as HTML, in pages."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from PIL import Image

from ..comparison.report import Figure, comparison_report, jpeg
from ..comparison.sheet import THEMES, Cell, SheetRow, draw_sheet
from ..errors import DalleFluxError
from ..pictures import decode, encode_png, flatten
from ..state import State, write_file
from . import migration
from .items import Item, NoSuchItem, get
from .picture_files import FORMATS
from .reproductions import of_item

ROWS = 24  # on a page
_CELL = 512  # px


def write(state: State, migration_id: str, folder: Path) -> list[Path]:
    """Write all pages anew, the HTML files first."""
    html, sheets = [], []
    done = list(migration.drawn(state, migration_id).items())
    for start in range(0, len(done), ROWS):
        rows = list(_rows(state, done[start : start + ROWS]))
        name = f"{start // ROWS + 1:04}"
        page = folder / f"page_{name}.html"
        title = f"DALL·E archive on FLUX, {start + 1} to {start + len(rows)} of {len(done)}"
        write_file(page, comparison_report([row[0] for row in rows], _metrics([row[2] for row in rows]), "", title)
                   .encode("utf-8", "replace"))  # fmt: skip
        html.append(page)
        for number, sheet in enumerate(
            draw_sheet(("Original", "FLUX"), [row[1] for row in rows], THEMES["dark"], _CELL)
        ):
            file = folder / f"sheet_{name}_{number + 1}.png"
            write_file(file, encode_png(sheet))
            sheets.append(file)
    return [*html, *sheets]


def _rows(
    state: State, drawn: Sequence[tuple[str, list[str]]]
) -> Iterator[tuple[list[Figure], SheetRow, dict[str, Any]]]:
    """For each item: its figures, its row of the sheet, its metrics."""
    for item_id, pictures in drawn:
        try:
            item = get(state, item_id)
        except NoSuchItem:  # deleted since
            continue
        made = [one for one in of_item(state, item_id) if one["picture"] in pictures]
        before = _picture(state, item.id)
        figures = [Figure(f"Original, {item.maker}", _about(item), _small(before))]
        cells = [Cell(before, (item.words[:300],))]
        for one in made:
            after = _picture(state, one["picture"])
            model = one["info"].get("model", "") if isinstance(one["info"], dict) else ""
            figures.append(Figure("FLUX", (str(model), str(one["prompt"])[:1000]), _small(after)))
            cells.append(Cell(after, (str(model),)))
        metrics = made[-1]["metrics"] if made and isinstance(made[-1]["metrics"], dict) else {}
        yield figures, SheetRow((*cells[:2], *[Cell(None)] * (2 - len(cells)))), metrics


def _about(item: Item) -> tuple[str, ...]:
    made = (item.created or "")[:10]
    return tuple(line for line in (item.words[:1000], f"{item.size} {made}", item.conversation) if line.strip())


def _picture(state: State, sha256: str) -> Image.Image | None:
    try:
        picture = flatten(decode(state.kept(sha256).read_bytes(), formats=FORMATS))
    except (DalleFluxError, OSError):
        return None
    picture.thumbnail((_CELL * 2, _CELL * 2), Image.Resampling.LANCZOS)
    return picture


def _small(picture: Image.Image | None) -> bytes | None:
    return jpeg(picture) if picture else None


def _metrics(found: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """One `metrics` for a page, out of those that the workflow's comparison made of each picture."""
    pairs = [
        {**pair, "pair": place}
        for place, metrics in enumerate(found, start=1)
        for pair in metrics.get("pairs", [])
        if isinstance(pair, dict)
    ]
    first: dict[str, Any] = next((one for one in found if one.get("meaning")), {})
    return {
        "pairs": pairs,
        "meaning": first.get("meaning", {}),
        "pairing": {"note": ""},
        "alignment": first.get("alignment", {"rule": "fit", "meaning": "shape kept"}),
        "caution": first.get("caution", ""),
    }
