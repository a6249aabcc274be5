"""The vocabulary that every check speaks: the thirteen categories of OpenAI's moderation models.

Source: openai-python `types/moderation.py` and the moderation guide. Six of them are judged on pictures too;
for the other seven a picture score means nothing.
"""

from __future__ import annotations

from enum import Enum


class Category(str, Enum):
    """A kind of content; the value is its name in OpenAI's API."""

    HARASSMENT = "harassment"
    HARASSMENT_THREATENING = "harassment/threatening"
    HATE = "hate"
    HATE_THREATENING = "hate/threatening"
    ILLICIT = "illicit"
    ILLICIT_VIOLENT = "illicit/violent"
    SELF_HARM = "self-harm"
    SELF_HARM_INTENT = "self-harm/intent"
    SELF_HARM_INSTRUCTIONS = "self-harm/instructions"
    SEXUAL = "sexual"
    SEXUAL_MINORS = "sexual/minors"
    VIOLENCE = "violence"
    VIOLENCE_GRAPHIC = "violence/graphic"


ALL = frozenset(Category)

ON_PICTURES = frozenset(
    {
        Category.SELF_HARM,
        Category.SELF_HARM_INTENT,
        Category.SELF_HARM_INSTRUCTIONS,
        Category.SEXUAL,
        Category.VIOLENCE,
        Category.VIOLENCE_GRAPHIC,
    }
)


def names(categories: frozenset[Category] | set[Category]) -> list[str]:
    """The API names in the fixed order of the enum, for reports that compare equal."""
    return [category.value for category in Category if category in categories]
