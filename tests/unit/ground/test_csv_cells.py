"""No cell of a CSV file is a formula, whichever separator the spreadsheet splits at."""

from __future__ import annotations

import csv
import io
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nodes.csv_cells import harmless

SIGNS = "=+-@＝＋－＠"
BEFORE = ["", " ", '"', "\ufeff", "\xa0 ", ' "', "\t", "\r", "\n"]


def cells(text: str) -> list[str]:
    """Everything that a spreadsheet may take for a cell of a file in which `text` is one."""
    line = io.StringIO()
    csv.writer(line).writerow(["1", text, "2"])
    return [text, *re.split("[;\t\r\n]", text), *re.split("[;\t\r\n]", line.getvalue())]


def is_formula(cell: str) -> bool:
    return cell.lstrip(' "\ufeff\xa0\u3000\x0b\x0c')[:1] in tuple(SIGNS)


@pytest.mark.parametrize("sign", SIGNS)
@pytest.mark.parametrize("before", BEFORE)
@pytest.mark.parametrize("text", ["{0}{1}cmd|calc", "a cat;{0}{1}HYPERLINK(1)", "a\t{0}{1}1", "a list\n{0}{1}1"])
def test_a_text_that_begins_like_a_formula_stays_text(text, before, sign):
    written = str(harmless(text.format(before, sign)))
    assert not any(is_formula(cell) for cell in cells(written))
    assert written.replace("'", "") == text.format(before, sign), "and nothing else is changed"


@given(st.text(alphabet=SIGNS + " ;\t\r\n\",a'\ufeff", max_size=30))
def test_no_text_is_a_formula_and_a_second_time_changes_nothing(text):
    written = str(harmless(text))
    assert not any(is_formula(cell) for cell in cells(written) if cell)
    assert written[:1] not in ("\t", "\r", "\n")
    assert harmless(written) == written


@pytest.mark.parametrize("value", ["a cat, = 3, e-mail me @ home; x", "", "3 - 4", -3, 1.5, None, True])
def test_ordinary_values_stay_as_they_are(value):
    assert harmless(value) == value
