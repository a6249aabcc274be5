"""Errors are read in terminals, logs and web pages: what they quote must not act there."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from nodes.errors import DalleFluxError


def kinds(base: type[DalleFluxError] = DalleFluxError) -> list[type[DalleFluxError]]:
    return [base, *(kind for below in base.__subclasses__() for kind in kinds(below))]


@settings(deadline=None)
@given(st.text(st.characters()))
def test_no_error_of_the_pack_steers_a_terminal_whatever_it_quotes(quoted):
    from nodes.prompts.bulk import BadPromptFile

    for kind in (DalleFluxError, BadPromptFile):
        text = str(kind(f"There is no file '\x1b]0;owned\x07{quoted}\ud800'."))
        assert text.isprintable()
        text.encode()


def test_no_error_says_its_sentence_in_another_way():
    import nodes.images_api.jobs
    import nodes.prompts.endpoint_rewriter  # noqa: F401 - so that many are there

    assert all("__str__" not in vars(kind) for kind in kinds()[1:])
