from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING, Annotated, Any

import typer

from fsl_nlp.cli.completion import method_names
from fsl_nlp.cli.run import Run, command

if TYPE_CHECKING:
    from fsl_nlp.methods.info import MethodInfo, OptionInfo


def add_to(app: typer.Typer) -> None:
    """Add the command `methods`."""

    @command(app, example="fsl-nlp methods pet")
    def methods(
        run: Run,
        name: Annotated[
            str | None,
            typer.Argument(help="A method, to see its options.", autocompletion=method_names),
        ] = None,
    ) -> None:
        """List the methods, or show the options of one."""
        from fsl_nlp.methods import describe, describe_all

        if name is None:
            infos = describe_all()
            rows = [{k: v for k, v in i.to_dict().items() if k != "options"} for i in infos]
            run.show({"methods": rows}, lambda: _list(infos))
        else:
            info = describe(name)
            run.show(info.to_dict(), lambda: _page(info))


def _list(infos: list[MethodInfo]) -> Any:
    """A table of the methods by family. It omits examples, from which nearly all methods learn."""
    from fsl_nlp.cli.tables import Group, Table
    from fsl_nlp.inputs.support import UNLABELLED

    table = Table(
        "method",
        "what it is for",
        "inputs",
        "unlabelled",
        "needs",
        "cost",
        pad_edge=False,
    )
    for family, members in groupby(infos, key=lambda info: info.family):
        table.add_row()
        table.add_row(family)
        for info in members:
            table.add_row(
                f"  {info.name}",
                info.summary,
                ", ".join(info.inputs),
                "yes" if UNLABELLED in info.learns_from else "no",
                info.needs or "-",
                info.cost,
            )
    return Group(
        table, "\nfsl-nlp methods NAME shows what a method learns from, its options and an example."
    )


def _page(info: MethodInfo) -> Any:
    from fsl_nlp.cli.tables import Group, Table

    facts = Table(show_header=False, pad_edge=False)
    for title, text in (
        ("family", info.family),
        ("inputs", ", ".join(info.inputs)),
        ("learns from", ", ".join(info.learns_from)),
        ("needs", info.needs or "only examples"),
        ("cost", info.cost),
        ("paper", info.paper or "-"),
        ("example", info.example),
    ):
        facts.add_row(title, text)
    from fsl_nlp.heads.options import value_text

    options = Table("option", "type", "default", "meaning", pad_edge=False)
    for option in info.options:
        options.add_row(option.name, _type(option), value_text(option.default), option.meaning)
    how = "\nGive an option as --option NAME=VALUE, in Python as FewShotClassifier(NAME=VALUE)."
    return Group(f"{info.name}: {info.summary}\n", facts, "", options, how)


def _type(option: OptionInfo) -> str:
    return " | ".join(option.choices) if option.choices else option.type
