"""What the documentation speaks of and this tree does not have yet.

Pages that are linked before they are written, and commands in examples before they exist. The list
is empty in a finished tree: a test fails where something in it exists.
"""

from __future__ import annotations

PAGES = (
    "tutorials/first-bot.zh.md",
    "extend/plugin.md",
    "extend/public-api.md",
    "research/evaluate.md",
    "research/compare.md",
    "research/meta-learn.md",
    "research/prompt.md",
    "research/reproduce.md",
    "concepts/few-shot.md",
    "concepts/heads.md",
    "concepts/tuning.md",
    "concepts/prompts.md",
    "concepts/meta-learning.md",
    "concepts/calibration.md",
    "concepts/episodes.md",
    "results/index.md",
    "results/intents.md",
    "results/fewclue.md",
    "results/fewrel.md",
    "results/meta.md",
    "results/speed.md",
    "results/what-was-tried.md",
    "reference/methods/index.md",
    "reference/methods/pet.md",
)
COMMANDS = ("methods", "inspect")
