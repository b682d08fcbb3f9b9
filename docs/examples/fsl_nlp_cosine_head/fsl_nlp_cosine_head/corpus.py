"""What people say to a bot besides their question."""

from __future__ import annotations

from pathlib import Path

from fsl_nlp.data import Entry

SMALL_TALK = Entry(
    name="small-talk",
    description="small talk with a bot, 4 intents",
    language="en",
    kind="sample",
    splits={"train": "train.csv", "test": "test.csv"},
    licence="Apache-2.0",
    root=Path(__file__).parent,
)
