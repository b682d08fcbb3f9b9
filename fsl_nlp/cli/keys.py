from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from fsl_nlp.cli.run import Run, command
from fsl_nlp.errors import OptionError

_ACTIONS = ("add", "list", "remove")


def add_to(app: typer.Typer) -> None:
    """Add the command `keys`."""

    @command(app, example="fsl-nlp keys add keys.json website --role ask")
    def keys(
        run: Run,
        action: Annotated[
            str,
            typer.Argument(
                help="add, list or remove.",
                autocompletion=lambda incomplete: [
                    name for name in _ACTIONS if name.startswith(incomplete)
                ],
            ),
        ],
        file: Annotated[Path, typer.Argument(help="The file of keys, for `serve --keys`.")],
        name: Annotated[
            str | None, typer.Argument(help="For add and remove: who uses the key.")
        ] = None,
        role: Annotated[
            str,
            typer.Option(help="For add: ask; teach, which may also edit bots; admin, all."),
        ] = "ask",
    ) -> None:
        """Make, list or remove the API keys of a server. A key is shown once."""
        if action not in _ACTIONS:
            raise OptionError(f"There is no action {action!r}. Actions: {', '.join(_ACTIONS)}.")
        if (action == "list") != (name is None):
            raise OptionError(
                "`list` takes a file alone." if name else f"`{action}` takes a file and a name."
            )
        if "role" in run.chosen and action != "add":
            raise OptionError("--role is for add.")
        if action == "list":
            _list(run, file)
        elif action == "add":
            _add(run, file, name or "", role)
        else:
            _remove(run, file, name or "")


def _add(run: Run, file: Path, name: str, role: str) -> None:
    from fsl_nlp.serving.keys import add_key

    key = add_key(file, name, role)
    run.note(f"This key is not shown again; {file} holds only its hash.")
    run.show({"name": name, "role": role, "key": key}, lambda: key)


def _remove(run: Run, file: Path, name: str) -> None:
    from fsl_nlp.serving.keys import remove_key

    remove_key(file, name)
    run.show({"removed": name}, lambda: f"Removed {name}. Servers refuse it within a second.")


def _list(run: Run, file: Path) -> None:
    from fsl_nlp.serving.keys import read_keys

    keys = read_keys(file)

    def text() -> Any:
        from fsl_nlp.cli.tables import Table

        table = Table("name", "role", "created", "id")
        for key in keys:
            table.add_row(key.name, key.role, key.created, key.id)
        return table

    rows = [{"name": k.name, "role": k.role, "created": k.created, "id": k.id} for k in keys]
    run.show({"keys": rows}, text)
