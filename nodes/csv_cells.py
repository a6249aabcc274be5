"""Cells of a CSV file that a spreadsheet shows as the text they are, and never runs as a formula.

Source: OWASP, "CSV Injection". A spreadsheet with another list separator than the comma also splits cells at `;`
or a tab, and a line break in a cell may then begin a row: a formula is one at the beginning of a cell and after
each of these.
"""

from __future__ import annotations

import re

# Full-width signs are read as plain ones. What may stand between a separator and the sign excludes the separators,
# so that the search is linear.
_FORMULA = re.compile(r"""(?:\A|(?<=[;\t\r\n]))(?=(?:[^\S\t\r\n]|["\ufeff])*[=+\-@＝＋－＠])|\A(?=[\t\r\n])""")


def harmless(value: object) -> object:
    """`value` with an apostrophe wherever a spreadsheet would begin a formula; only texts are changed."""
    return _FORMULA.sub("'", value) if isinstance(value, str) else value
