"""The one base of every error this pack raises on purpose.

A message is one sentence for a person: what happened, why, what to do next. ComfyUI shows it as the
node's error. Programs read the type, or `code`, which never changes once released.
"""

from __future__ import annotations

from typing import ClassVar


class DalleFluxError(Exception):
    """Something this pack refuses to do, or could not do, said in one sentence."""

    code: ClassVar[str] = "error"

    def __str__(self) -> str:
        """The sentence. What it quotes, a file's name or a stranger's words, cannot steer a terminal."""
        return on_one_line(super().__str__())


def on_one_line(text: str) -> str:
    """The text with a blank for every character that is no sign on paper: escapes, line ends, halves of characters."""
    return "".join(character if character.isprintable() else " " for character in text)


class MissingPackage(DalleFluxError):
    """A Python package that an optional feature needs is not installed."""

    code = "missing_package"

    def __init__(self, package: str, needed_for: str):
        self.package = package
        super().__init__(
            f"{needed_for} needs the Python package '{package}', which is not installed in ComfyUI's "
            f"environment; run `pip install {package}` with ComfyUI's own Python and restart ComfyUI."
        )
