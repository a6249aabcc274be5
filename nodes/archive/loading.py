"""Pictures out of the archive, ready for a graph."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from PIL import Image

from ..errors import DalleFluxError
from ..pictures import BadPicture, decode, flatten
from ..state import State
from .items import Item, Page, search
from .picture_files import FORMATS


class NothingFound(DalleFluxError):
    """A search of the archive has no picture at this place."""

    code = "nothing_found"


def page(state: State, query: str, index: int, limit: int) -> Page:
    """What a node loads: at least one item.

    Raises:
        NothingFound: there is none.
        BadSearch: of the query.
    """
    found = search(state, query, index, limit)
    if found.items:
        return found
    if found.total:
        raise NothingFound(
            f"The search {query[:100]!r} finds {found.total} pictures of the archive, counted from 0, and `index` is "
            f"{index}; lower it."
        )
    raise NothingFound(
        f"The search {query[:100]!r} finds no picture of the archive; change `query`, or import an export first: the "
        "archive stands in the sidebar."
    )


def pictures_of(state: State, items: Sequence[Item], at: Callable[[float, float], None]) -> list[Image.Image]:
    """The items' pictures in mode RGB, upright.

    Raises:
        BadPicture: one is gone from the disk or damaged; the message names it.
    """
    opened = []
    for place, item in enumerate(items):
        at(place, len(items))
        try:
            data = state.kept(item.id).read_bytes()
        except OSError as error:
            raise BadPicture(
                f"The picture of item {item.id[:16]} cannot be read from the state folder ({error.strerror}); "
                "import it again."
            ) from None
        try:
            opened.append(flatten(decode(data, formats=FORMATS)))
        except BadPicture as error:
            raise BadPicture(f"The picture of item {item.id[:16]} cannot be opened: {error}") from None
    return opened
