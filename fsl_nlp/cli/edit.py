from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from fsl_nlp.cli.options import (
    ClassifierFolder,
    Device,
    LabelColumn,
    NoHeader,
    OnError,
    TextBColumn,
    TextColumn,
)
from fsl_nlp.cli.run import Run, command
from fsl_nlp.locks import locked
from fsl_nlp.output import one_line

if TYPE_CHECKING:
    from fsl_nlp import FewShotClassifier
    from fsl_nlp.editing.changes import Change
    from fsl_nlp.editing.edits import Edit

# What follows each action, and how many words that is at least and at most.
_ACTIONS = {
    "add": ("FILE", 1, 1),
    "remove": ("FILE", 1, 1),
    "add-label": ("LABEL [FILE]", 1, 2),
    "remove-label": ("LABEL", 1, 1),
    "rename": ("OLD NEW", 2, 2),
    "merge": ("LABEL ... --into LABEL", 1, 1000),
    "relabel": ("LABEL FILE", 2, 2),
    "adapt": ("FILE", 1, 1),
    "undo": ("", 0, 0),
    "diff": ("[BOT]", 0, 1),
    "history": ("", 0, 0),
    "forget": ("", 0, 0),
}


def add_to(app: typer.Typer) -> None:
    """Add the command `edit`."""

    @command(app, example="fsl-nlp edit my-bot add more.csv")
    def edit(
        run: Run,
        folder: ClassifierFolder,
        action: Annotated[
            str,
            typer.Argument(
                help="; ".join(f"{name} {words}".strip() for name, (words, *_) in _ACTIONS.items()),
                autocompletion=lambda incomplete: [
                    name for name in _ACTIONS if name.startswith(incomplete)
                ],
            ),
        ],
        words: Annotated[
            list[str] | None, typer.Argument(help="Files or labels, as the action says.")
        ] = None,
        into: Annotated[
            str | None, typer.Option(help="For merge: the label that takes their place.")
        ] = None,
        description: Annotated[
            str | None, typer.Option(help="For add-label: what the label means.")
        ] = None,
        steps: Annotated[
            int, typer.Option(min=1, max=5, help="For adapt: the gradient steps to take.")
        ] = 5,
        refuse_if_worse: Annotated[
            bool,
            typer.Option(
                "--refuse-if-worse",
                help="Change nothing if the expected accuracy falls by more than its error.",
            ),
        ] = False,
        text_column: TextColumn = None,
        label_column: LabelColumn = None,
        text_b_column: TextBColumn = None,
        no_header: NoHeader = False,
        on_error: OnError = "raise",
        device: Device = "auto",
    ) -> None:
        """Change what a saved bot has learned, without training it anew."""
        from fsl_nlp import FewShotClassifier

        words = words or []
        _check_words(action, words, into, description)
        if action != "adapt" and "steps" in run.chosen:
            raise typer.BadParameter("--steps is for adapt only.")
        if action == "adapt" and refuse_if_worse:
            raise typer.BadParameter("adapt estimates no accuracy: leave --refuse-if-worse out.")
        read = {"text": text_column, "header": not no_header, "on_error": on_error}
        # Files are read first: they may be wrong, and a bot takes a second to load.
        change = _change(action, words, into, description, steps, read, label_column, text_b_column)
        if action in ("history", "diff"):
            bot = FewShotClassifier.load(folder, device=device)
            if action == "history":
                history = bot.history()
                entries = [entry.to_dict() for entry in history]
                run.show({"history": entries}, lambda: _table(bot, history))
            else:
                other = FewShotClassifier.load(Path(words[0]), device=device) if words else None
                difference = bot.diff(other)
                run.show(difference.to_dict(), lambda: str(difference))
            return
        # Another edit of the folder waits, and then begins with this one's result.
        with locked(folder) if folder.is_dir() else nullcontext():
            bot = FewShotClassifier.load(folder, device=device)
            if action == "forget":
                bot.forget_history()
                bot.save(folder)
                text = "Forgotten: texts that were removed, and how to undo the edits until now."
                run.show({"out": str(folder)}, lambda: text)
                return
            result = change(bot, refuse_if_worse)
            if result.applied:
                bot.save(folder)
        run.show({"out": str(folder), **result.to_dict()}, lambda: str(result))
        if not result.applied:
            raise typer.Exit(1)


def _check_words(
    action: str, words: Sequence[str], into: str | None, description: str | None
) -> None:
    if action not in _ACTIONS:
        raise typer.BadParameter(
            f"{action!r} is no action. Choose one of {', '.join(_ACTIONS)}.", param_hint="ACTION"
        )
    usage, least, most = _ACTIONS[action]
    if not least <= len(words) <= most or (action == "merge") != (into is not None):
        raise typer.BadParameter(f"write: fsl-nlp edit BOT {action} {usage}".rstrip())
    if description is not None and action != "add-label":
        raise typer.BadParameter("--description is for add-label only.")
    if action == "add-label" and len(words) == 1 and description is None:
        raise typer.BadParameter("give a FILE with texts of the label, or its --description.")


def _change(
    action: str,
    words: Sequence[str],
    into: str | None,
    description: str | None,
    steps: int,
    read: dict[str, Any],
    label_column: str | None,
    text_b_column: str | None,
) -> Callable[[FewShotClassifier, bool], Edit]:
    """What the action does to a bot, with what its files hold."""
    from fsl_nlp import load_dataset
    from fsl_nlp.data.loading import load_unlabelled

    if action == "add":
        data = load_dataset(words[0], label=label_column, text_b=text_b_column, **read)
        return lambda bot, refuse: bot.add_examples(
            data.labelled.examples, data.labelled.known_targets, refuse_if_worse=refuse
        )
    if action == "adapt":
        data = load_dataset(words[0], label=label_column, text_b=text_b_column, **read)
        return lambda bot, _: bot.adapt(
            data.labelled.examples, data.labelled.known_targets, steps=steps
        )
    if action == "relabel":
        chosen = load_unlabelled(words[1], **read).examples
        return lambda bot, refuse: bot.relabel(chosen, words[0], refuse_if_worse=refuse)
    if action == "remove":
        texts = load_unlabelled(words[0], **read).examples
        return lambda bot, refuse: bot.remove_examples(texts, refuse_if_worse=refuse)
    if action == "add-label":
        more = load_unlabelled(words[1], **read).examples if len(words) > 1 else ()
        return lambda bot, refuse: bot.add_label(
            words[0], more, description, refuse_if_worse=refuse
        )
    if action == "remove-label":
        return lambda bot, refuse: bot.remove_label(words[0], refuse_if_worse=refuse)
    if action == "rename":
        return lambda bot, refuse: bot.rename_label(words[0], words[1], refuse_if_worse=refuse)
    if action == "merge":
        target = into or ""
        return lambda bot, refuse: bot.merge_labels(words, target, refuse_if_worse=refuse)
    return lambda bot, _: bot.undo()


def _table(bot: FewShotClassifier, history: Sequence[Change]) -> Any:
    from fsl_nlp.cli.tables import Table

    first = f"version 1 is the fit; now version {bot.version_.number}, {bot.model_version_}"
    table = Table("version", "model_version", "texts", "labels", "accuracy", "edit", caption=first)
    for entry in history:
        table.add_row(
            str(entry.number),
            entry.name,
            str(entry.examples),
            str(entry.labels),
            "" if entry.accuracy is None else f"{entry.accuracy:.1%}",
            one_line(entry.summary) + ("" if entry.reverse else " (cannot be undone)"),
        )
    return table
