"""A sentence and what it rests on."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby


@dataclass(frozen=True)
class Said:
    """trials: those that the sentence rests on, by name."""

    text: str
    trials: tuple[str, ...] = ()


def said(texts: Iterable[str], trials: tuple[str, ...]) -> list[Said]:
    """Sentences that rest on the same trials."""
    return [Said(text, trials) for text in texts]


def paragraphs(sentences: Sequence[Said]) -> list[Said]:
    """Sentences in a row that rest on the same trials, as one."""
    return [
        Said(" ".join(one.text for one in group), trials)
        for trials, group in groupby(sentences, key=lambda one: one.trials)
    ]
