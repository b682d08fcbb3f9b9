"""One vocabulary over all commands: a flag means the same everywhere, and an idea has one flag."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator
from typing import Any, get_args

import pytest
import typer

from fsl_nlp.cli.app import app
from fsl_nlp.cli.deprecated import RENAMED, with_new_names

Cli = Callable[..., Any]

# Names that are not to be used, each with the one that is.
SYNONYMS = {
    "--names": "--label-names",
    "--methods": "--method",
    "--model": "--encoder",
    "--encoders": "--encoder",
    "--shots": "--shot",
    "--k": "--shot",
    "--ways": "--way",
    "--n": "--way",
    "--queries": "--query",
    "--seeds": "--seed",
    "--output": "--out",
    "--to": "--out",
    "--save": "--out",
    "--options": "--option",
    "--param": "--option",
    "--sources": "--source",
    "--unlabeled": "--unlabelled",
    "--progress": "--progress-file",
    "--jobs": "--workers",
    "--processes": "--workers",
    "--data-folder": "--data-dir",
    "--gpu": "--device",
    "--drop-shared": "--exclude-test-classes",
    "--one-by-one": "--no-batch",
    "--na-rate": "--nota-rate",
}
# Flags whose meaning or type is not yet that of the other commands.
NOT_YET: set[tuple[str, str]] = {
    ("submit-fewrel", "--out"),
}
# Flags that mean what they mean elsewhere, in words that fit the command.
OTHER_WORDS = {("fit", "--out"), ("fit", "--shot"), ("episodes", "--split")}
OTHER_WORDS |= {("benchmark oos", "--reject"), ("benchmark oos", "--score"), ("edit", "--steps")}
OTHER_WORDS |= {("serve", "--workers"), ("serve", "--limit")}


def commands(group: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, Any]]:
    """Every command with its name."""
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from commands(command, (*path, name))
        else:
            yield " ".join((*path, name)), command


COMMANDS = dict(commands(typer.main.get_command(app)))
every_command = pytest.mark.parametrize("name", COMMANDS)


def options(name: str) -> dict[str, Any]:
    """The options of a command by each of their flags."""
    parameters = COMMANDS[name].params
    return {
        flag: parameter
        for parameter in parameters
        if parameter.param_type_name == "option"
        for flag in (*parameter.opts, *parameter.secondary_opts)
    }


def first_sentence(text: str) -> str:
    """What a flag means wherever it is; a command may add sentences.

    >>> first_sentence("Where to write the result. A folder.")
    'Where to write the result'
    """
    return re.split(r"(?<=[.;]) ", text)[0].rstrip(".;")


def type_of(name: str, parameter: str) -> str:
    """The type of one value of a command's parameter, such as "str" of `list[str] | None`."""
    hint = inspect.signature(COMMANDS[name].callback).parameters[parameter].annotation
    while parts := [part for part in get_args(hint) if part is not type(None)]:
        hint = parts[0]
    return str(hint.__name__)


@every_command
def test_no_synonyms(name: str) -> None:
    assert not options(name).keys() & SYNONYMS.keys()


@every_command
def test_every_option_and_argument_has_help(name: str) -> None:
    for parameter in COMMANDS[name].params:
        assert parameter.help, parameter.name
    assert COMMANDS[name].help
    assert COMMANDS[name].epilog.startswith(f"Example: fsl-nlp {name}")


def test_a_flag_means_the_same_in_every_command() -> None:
    meanings: dict[str, dict[tuple[str, str], list[str]]] = {}
    for name in COMMANDS:
        for flag, option in options(name).items():
            if (name, flag) not in NOT_YET | OTHER_WORDS:
                meaning = (type_of(name, option.name), first_sentence(option.help))
                meanings.setdefault(flag, {}).setdefault(meaning, []).append(name)
    assert {flag: found for flag, found in meanings.items() if len(found) > 1} == {}


def test_what_is_not_yet_right_is_still_there() -> None:
    """An entry of NOT_YET that is no longer needed goes."""
    assert {
        (name, flag) for name, flag in NOT_YET | OTHER_WORDS if flag not in options(name)
    } == set()


@pytest.mark.parametrize("name", ["fit", "episodes", "curve", "meta-train"])
def test_commands_that_learn_take_the_same_options(name: str) -> None:
    assert {"--method", "--encoder", "--shot", "--out", "--seed", "--json", "--quiet"} <= set(
        options(name)
    )


# old names


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [(name, old, new) for name, flags in RENAMED.items() for old, new in flags.items()],
)
def test_an_old_name_is_taken_with_a_note(name: str, old: str, new: str) -> None:
    assert new in options(name)
    assert old not in options(name)
    words, notes = with_new_names(["--quiet", name, "x", old, "1", f"{old}=1", "--", old])
    assert words == ["--quiet", name, "x", new, "1", f"{new}=1", "--", old]
    assert notes[0] == f"{old} is now {new}; the old name will be removed."


def test_an_old_name_does_what_the_new_one_does(run: Cli, english: Any) -> None:
    words = ("episodes", "support_en", "--episodes", 5, "--json")
    new, old = run(*words, "--label-names"), run(*words, "--names")
    assert old.json["accuracy"] == new.json["accuracy"]
    assert old.json["settings"]["label_names"] is True
    assert old.err == "note: --names is now --label-names; the old name will be removed.\n"
    assert run(*words, "--names", "--quiet").err == ""


@pytest.mark.parametrize("name", ["episodes", "curve", "fit"])
def test_help_has_no_types_of_python(run: Cli, name: str) -> None:
    shown = run(name, "--help").out
    assert "--encoder <str>" in shown
    assert "[str]" not in shown
    assert "[Path]" not in shown
