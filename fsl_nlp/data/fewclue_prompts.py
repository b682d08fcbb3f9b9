"""The patterns and label words of FewCLUE's tasks: `datasets/fewclue/TASK.yaml`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from fsl_nlp.data.catalogue import datasets_folder
from fsl_nlp.errors import DataError
from fsl_nlp.reading import read_text

Words = Mapping[str, tuple[str, ...]]  # label -> its words


@dataclass(frozen=True)
class Pattern:
    """A template of `fsl_nlp.prompts.Template`; `words` replace those of the task, if any."""

    text: str
    words: Words = field(default_factory=dict)

    def options(self) -> dict[str, Any]:
        """As an item of the option `templates` of a prompt method.

        >>> Pattern("{text}[MASK]", {"good": ("好",)}).options()
        {'pattern': '{text}[MASK]', 'words': {'good': ['好']}}
        """
        words = {label: list(words) for label, words in self.words.items()}
        return {"pattern": self.text, **({"words": words} if words else {})}


@dataclass(frozen=True)
class TaskPrompts:
    """The templates of a task and the words of its labels.

    `statement` is a hypothesis about the label, for methods of entailment. `blank` is what stands
    in the texts where a candidate belongs.
    """

    patterns: tuple[Pattern, ...]
    words: Words
    statement: str | None = None
    blank: str | None = None


def label_words(task: str) -> Words:
    """Words for each label; none for a task that has no file."""
    prompts = _find(task)
    return prompts.words if prompts else {}


def task_prompts(task: str) -> TaskPrompts:
    """The prompts of a task; an error for a task that has no file."""
    prompts = _find(task)
    if prompts is None:
        raise DataError(f"There are no patterns for {task!r}: no datasets/fewclue/{task}.yaml.")
    return prompts


@cache
def _find(task: str) -> TaskPrompts | None:
    folder = datasets_folder()
    path = folder / "fewclue" / f"{task}.yaml" if folder else None
    return read_prompts(path) if path and path.is_file() else None


def read_prompts(path: Path) -> TaskPrompts:
    """The prompts in a YAML file: patterns, words {label: [words]}; optional: statement, blank."""
    import yaml

    try:
        content = yaml.safe_load(read_text(path, str(path)))
        return TaskPrompts(
            tuple(_pattern(item) for item in content["patterns"]),
            _words(content.get("words")),
            _text(content.get("statement")),
            _text(content.get("blank")),
        )
    except DataError:
        raise
    except RecursionError:
        raise DataError(f"{path} is nested too deep for patterns and words.") from None
    except (yaml.YAMLError, KeyError, TypeError, AttributeError, ValueError) as error:
        raise DataError(
            f"{path}: it must hold patterns, a list, and words, {{label: [words]}} ({error!r})."
        ) from None


def _pattern(item: Any) -> Pattern:
    if isinstance(item, str):
        return Pattern(item)
    return Pattern(str(_text(item["pattern"])), _words(item.get("words")))


def _words(content: Any) -> dict[str, tuple[str, ...]]:
    words_by_label = (content or {}).items()
    return {str(label): tuple(map(_word, words)) for label, words in words_by_label}


def _word(value: Any) -> str:
    # A few lines of aliases (&a, *a) can stand for a list of billions of words.
    if not isinstance(value, str | int | float):
        raise TypeError("a word must be a text")
    return str(value)


def _text(value: Any) -> str | None:
    if value is not None and not isinstance(value, str):
        raise TypeError("patterns, statement and blank must be texts")
    return value
