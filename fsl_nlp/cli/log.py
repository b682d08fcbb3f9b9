from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from fsl_nlp.cli.options import shared
from fsl_nlp.cli.run import Run, command
from fsl_nlp.errors import MissingExtraError, OptionError
from fsl_nlp.output import one_line

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fsl_nlp.serving.questions.reading import Selection, Statistics
    from fsl_nlp.serving.questions.store import QuestionStore

Url = Annotated[
    str, typer.Argument(metavar="URL", help="The log of a server, as its option --log names it.")
]
Bot = Annotated[str | None, typer.Option(help="Questions to this bot only.")]
Since = Annotated[
    str | None,
    typer.Option(metavar="TIME", help="Since a day or a time (UTC), or for so long: 7d, 24h."),
]
Reason = Annotated[
    list[str] | None,
    typer.Option(
        help="Answers with this reason only: ok, ambiguous, out_of_scope, empty. May be repeated."
    ),
]


def add_to(app: typer.Typer) -> None:
    """Add the commands `log stats`, `log export`, `log prune` and `log forget`."""
    group = typer.Typer(no_args_is_help=True, help="The questions that a server has logged.")
    app.add_typer(group, name="log")

    @command(group, example="fsl-nlp log stats sqlite:///questions.db --since 7d")
    def stats(run: Run, url: Url, bot: Bot = None, since: Since = None) -> None:
        """Count questions and answers of each bot, and what users say of them."""
        from fsl_nlp.serving.questions.reading import statistics

        with closing(open_store(url)) as store, store.reading() as connection:
            counts = statistics(connection, selection_of(bot, since))
        run.show({"bots": [count.to_dict() for count in counts]}, lambda: _tables(counts))

    @command(
        group,
        example="fsl-nlp log export sqlite:///questions.db --out rejected.csv "
        "--reason out_of_scope --since 7d",
    )
    def export(
        run: Run,
        url: Url,
        out: Annotated[Path, shared("--out", "The ending: .csv for spreadsheets, or .jsonl.")],
        bot: Bot = None,
        since: Since = None,
        reason: Reason = None,
        force: Annotated[bool, typer.Option("--force", help="Replace OUT if it exists.")] = False,
    ) -> None:
        """Write questions, answers and feedback to a file, oldest first."""
        from fsl_nlp.serving.questions.export import export
        from fsl_nlp.serving.questions.reading import entries

        if out.exists() and not force:
            raise OptionError(f"{out} exists. Name another file, or replace it with --force.")
        selection = selection_of(bot, since, reason)
        with closing(open_store(url)) as store, store.reading() as connection:
            count = export(entries(connection, selection, newest_first=False), out)
        run.show(
            {"out": str(out), "questions": count}, lambda: f"Wrote {_questions(count)} to {out}."
        )

    @command(group, example="fsl-nlp log prune sqlite:///questions.db --days 30")
    def prune(
        run: Run,
        url: Url,
        days: Annotated[
            float, typer.Option(min=0, help="Questions that are older are deleted.")
        ] = 90,
    ) -> None:
        """Delete old questions. A server does so by itself, as `--log-days` says."""
        from datetime import timedelta

        from fsl_nlp.serving.questions.question import now

        with closing(open_store(url)) as store:
            count = store.prune(now() - timedelta(days=min(days, _LONG_AGO)))
        run.show({"deleted": count}, lambda: f"Deleted {_questions(count)}.")

    @command(group, example='fsl-nlp log forget sqlite:///questions.db --containing "Erika Muster"')
    def forget(
        run: Run,
        url: Url,
        id_: Annotated[
            list[str] | None,
            typer.Option("--id", help="The question with this id. May be repeated."),
        ] = None,
        text: Annotated[str | None, typer.Option(help="Questions with just this text.")] = None,
        containing: Annotated[
            str | None,
            typer.Option(help="Questions with these words in the text, or in a comment on them."),
        ] = None,
        dry_run: Annotated[
            bool, typer.Option("--dry-run", help="Count them, and delete nothing.")
        ] = False,
    ) -> None:
        """Delete questions that someone wants deleted, with what was said of them."""
        if not id_ and not (text or "").strip() and not (containing or "").strip():
            raise OptionError("Say which questions: --id ID, --text TEXT or --containing WORDS.")
        from fsl_nlp.serving.questions.reading import matching

        with closing(open_store(url)) as store:
            with store.reading() as connection:
                ids = matching(connection, ids=id_ or (), text=text, containing=containing)
            if not dry_run:
                store.forget(ids)
        verb = "Would delete" if dry_run else "Deleted"
        run.show(
            {"deleted": 0 if dry_run else len(ids), "matching": len(ids)},
            lambda: f"{verb} {_questions(len(ids))}.",
        )


_LONG_AGO = 365_000  # days; further back, Python has no dates


def open_store(url: str) -> QuestionStore:
    """The log of a URL, which must exist if it is a file."""
    try:
        from fsl_nlp.serving.questions.store import QuestionStore
    except ModuleNotFoundError as error:
        raise MissingExtraError(
            "The log of questions needs more packages: pip install 'fsl-nlp[serve]'"
        ) from error
    store = QuestionStore(url, create=False)
    store.prepare()
    return store


def selection_of(
    bot: str | None, since: str | None, reasons: Sequence[str] | None = None
) -> Selection:
    """The questions that the options mean."""
    from fsl_nlp.serving.questions.reading import Selection, parse_since

    return Selection(bot, tuple(reasons or ()), None if since is None else parse_since(since))


def _questions(count: int) -> str:
    return "1 question" if count == 1 else f"{count} questions"


def _tables(counts: Sequence[Statistics]) -> Any:
    from fsl_nlp.cli.tables import Group, Table

    if not counts:
        return "No questions."
    reasons = sorted({reason for count in counts for reason in count.reasons})
    table = Table("bot", "questions", "answered", *reasons, "right", "wrong", "first", "last")
    for count in counts:
        table.add_row(
            count.bot,
            str(count.questions),
            f"{count.answered / count.questions:.1%}",
            *(str(count.reasons.get(reason, 0)) for reason in reasons),
            str(count.right),
            str(count.wrong),
            *(f"{moment:%Y-%m-%d %H:%M}" for moment in (count.first, count.last)),
        )
    lines = [
        f"{one_line(count.bot)}: "
        + ", ".join(f"{one_line(label)} {times}" for label, times in count.labels)
        for count in counts
        if count.labels
    ]
    return Group(table, *(["", "most frequent answers", *lines] if lines else []))
