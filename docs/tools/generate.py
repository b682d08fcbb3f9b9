"""Write the pages of the reference that come from the code.

    python docs/tools/generate.py            # write them
    python docs/tools/generate.py --check    # fail where they differ from the code

`docs/reference/commands.md` comes from the commands themselves, `docs/reference/methods/` from
`fsl_nlp.methods.describe`.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from enum import Enum
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

from fsl_nlp.heads.options import value_text
from fsl_nlp.methods.info import MethodInfo

REFERENCE = Path(__file__).parent.parent / "reference"
ARXIV = re.compile(r"arXiv (\d{4}\.\d{4,5})")
# Columns of the table of methods that hold a tick: kinds of inputs, and what a method learns from.
INPUTS = ("pair", "mentions", "candidates")
SOURCES = {
    "unlabelled": ("unlabelled texts",),
    "label texts": ("label names", "label descriptions"),
    "source classes": ("source classes",),
    "weights": ("example weights",),
}
NOTICE = "<!-- Written by docs/tools/generate.py; do not edit. -->\n"


def main() -> None:
    """Write the pages, or compare them with what is there."""
    from fsl_nlp.cli.app import app
    from fsl_nlp.methods import METHODS, describe

    pages = {"commands.md": commands_page(app)}
    names = ("auto", *METHODS)
    pages |= {f"methods/{name}": page for name, page in method_pages(names, describe).items()}
    if "--check" not in sys.argv[1:]:
        write(pages)
        return
    if different := stale(pages):
        print(f"Not as the code says: {', '.join(different)}. Run python docs/tools/generate.py.")
        sys.exit(1)


def write(pages: dict[str, str], folder: Path = REFERENCE) -> None:
    """Write the pages, and remove those of methods that are gone."""
    for name, page in pages.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(page, encoding="utf-8")
    for name in leftovers(pages, folder):
        (folder / name).unlink()


def stale(pages: dict[str, str], folder: Path = REFERENCE) -> list[str]:
    """The names of pages that differ from what is in the folder."""
    return leftovers(pages, folder) + [
        name
        for name, page in pages.items()
        if not (folder / name).exists() or (folder / name).read_text(encoding="utf-8") != page
    ]


def leftovers(pages: dict[str, str], folder: Path = REFERENCE) -> list[str]:
    """Pages in the folder of methods that are no method's."""
    there = (f"methods/{path.name}" for path in (folder / "methods").glob("*.md"))
    return sorted(name for name in there if name not in pages)


# Commands


def commands_page(app: Any) -> str:
    """The reference of all commands of a typer application."""
    from typer.main import get_command

    commands = list(leaves(get_command(app), "fsl-nlp"))
    shared = shared_options([command for _, command in commands])
    parts = [
        f"{NOTICE}\n# Commands\n\n"
        "Results go to stdout, everything else to stderr. The exit status is 0, 1 for something "
        "that you can correct, 2 for wrong usage and 130 after Ctrl-C. `fsl-nlp --version` shows "
        "the version; `fsl-nlp COMMAND --help` shows what stands here.\n\n"
        "Every command has these options:\n",
        options_table([p for p in commands[0][1].params if shown_names(p) in shared]),
        table(
            ("command", "what it does"),
            [(f"[`{name}`](#{anchor(name)})", first_line(c.help)) for name, c in commands],
        ),
    ]
    for name, command in commands:
        parts.append(f"## `{name}`\n\n{paragraphs(command.help)}\n")
        example = (command.epilog or "").removeprefix("Example:").strip()
        if example:
            parts.append(f"```sh\n{example}\n```\n")
        arguments = [p for p in command.params if p.param_type_name == "argument"]
        if arguments:
            rows = [(f"`{argument_name(p)}`", cell(p.help or "")) for p in arguments]
            parts.append(table(("argument", "meaning"), rows))
        options = [
            p
            for p in command.params
            if p.param_type_name == "option" and not p.hidden and shown_names(p) not in shared
        ]
        if options:
            parts.append(options_table(options))
    return "\n".join(parts)


def leaves(command: Any, name: str) -> Iterator[tuple[str, Any]]:
    """Each command that does something, with its whole name."""
    if not hasattr(command, "commands"):
        yield name, command
        return
    for word, part in command.commands.items():
        if not part.hidden:
            yield from leaves(part, f"{name} {word}")


def shared_options(commands: Sequence[Any]) -> set[str]:
    """The options that all commands have, word for word."""
    kinds = [
        {(shown_names(p), getattr(p, "help", None)) for p in c.params if not p.required}
        for c in commands
    ]
    return {names for names, _ in set.intersection(*kinds)}


def options_table(options: Iterable[Any]) -> str:
    """A table of a command's options."""
    rows = [
        (f"`{shown_names(p)}`", option_type(p), option_default(p), cell(p.help or ""))
        for p in options
    ]
    return table(("option", "type", "default", "meaning"), rows)


def shown_names(option: Any) -> str:
    """`--quiet, -q`, or `--cache / --no-cache`."""
    names = ", ".join(option.opts)
    return f"{names} / {', '.join(option.secondary_opts)}" if option.secondary_opts else names


def argument_name(argument: Any) -> str:
    """`TRAIN`; in brackets if it may be left out."""
    name = (argument.name or "").upper() + ("..." if argument.nargs == -1 else "")
    return name if argument.required else f"[{name}]"


def option_type(option: Any) -> str:
    """What stands after the option's name.

    A flag, text, a number with its bounds, a path; `typer` keeps the annotation of the function.
    """
    if option.is_flag:
        return "flag"
    descriptor = option.type_descriptor
    name = type_name(descriptor.annotation)
    least, most = descriptor.parameter_info.min, descriptor.parameter_info.max
    if least is not None:
        name += f", at least {least:g}" if most is None else f", {least:g} to {most:g}"
    return f"{name}; repeatable" if option.multiple else name


def type_name(annotation: Any) -> str:
    """An annotation in words.

    >>> type_name(int | None), type_name(list[str]), type_name(Path)
    ('whole number', 'text', 'path')
    """
    parts = [part for part in get_args(annotation) if part is not type(None)]
    if parts and get_origin(annotation) is not Literal:
        return type_name(parts[0])
    if parts:
        return ", ".join(f"`{part}`" for part in parts)
    if isinstance(annotation, type) and issubclass(annotation, Enum):
        return ", ".join(f"`{member.value}`" for member in annotation)
    return {str: "text", int: "whole number", float: "number", Path: "path"}[annotation]


def option_default(option: Any) -> str:
    """Its default; nothing for a flag that is off."""
    if option.required:
        return "required"
    default = option.default
    if option.is_flag:
        return "on" if default is True else ""
    shown = default is not None and default != [] and default != ()
    return f"`{default}`" if shown and isinstance(default, str | int | float | Path) else ""


# Methods


def method_pages(names: Iterable[str], describe: Callable[[str], MethodInfo]) -> dict[str, str]:
    """The pages of the folder `methods`: one for each method, and a table of all."""
    infos = [describe(name) for name in names]
    return {"index.md": capabilities_page(infos)} | {
        f"{info.name}.md": method_page(info) for info in infos
    }


def capabilities_page(infos: Sequence[MethodInfo]) -> str:
    """All methods by family, with what they read, learn from, need and cost."""
    untrained = [f"`{info.name}`" for info in infos if "examples" not in info.learns_from]
    but = f" but {', '.join(untrained)}" if untrained else ""
    parts = [
        f"{NOTICE}\n# Methods\n\n"
        "What `--method NAME` and `FewShotClassifier(NAME)` take. `auto`, the default, chooses "
        "among them ([how to choose](../../how-to/choose-method.md)). "
        "`fsl-nlp methods NAME` shows one of these pages on the command line.\n\n"
        f"All{but} learn from labelled examples, and all read single texts. A ✓ says what else:\n\n"
        "- **pair**, **mentions**, **candidates**: it reads "
        "[pairs of texts, marked words, texts with candidates]"
        "(../../how-to/pairs-and-candidates.md);\n"
        "- **unlabelled**: it can learn from [texts without labels](../../how-to/unlabelled.md);\n"
        "- **label texts**: it learns from names of labels; its page says whether from "
        "descriptions, too;\n"
        "- **source classes**: it can learn from [other classes with labels]"
        "(../../concepts/heads.md#heads-trained-on-source-classes) first;\n"
        "- **weights**: it takes a `sample_weight` for each example "
        "([unequal classes](../../how-to/unequal-classes.md)).\n"
    ]
    for family in dict.fromkeys(info.family for info in infos):
        rows = [
            (
                f"[`{info.name}`]({info.name}.md)",
                cell(info.summary),
                *(tick(kind in info.inputs) for kind in INPUTS),
                *(tick(any(s in info.learns_from for s in kinds)) for kinds in SOURCES.values()),
                listed(info.needs),
                listed(info.cost),
            )
            for info in infos
            if info.family == family
        ]
        parts.append(f"## {family[:1].upper()}{family[1:]}\n")
        parts.append(table(("method", "what it does", *INPUTS, *SOURCES, "needs", "cost"), rows))
    parts.append("```{toctree}\n:hidden:\n:glob:\n\n*\n```\n")
    return "\n".join(parts)


def method_page(info: MethodInfo) -> str:
    """Everything about one method."""
    facts = [
        ("family", cell(info.family)),
        ("inputs", listed(info.inputs)),
        ("learns from", listed(info.learns_from)),
        ("needs", listed(info.needs)),
        ("cost", listed(info.cost)),
        ("paper", ARXIV.sub(r"[arXiv \1](https://arxiv.org/abs/\1)", listed(info.paper))),
    ]
    parts = [
        f"{NOTICE}\n# `{info.name}`\n\n{paragraphs(info.summary)}\n",
        table(("", ""), [fact for fact in facts if fact[1]]),
        f"```sh\n{info.example}\n```\n",
        "## Options\n",
    ]
    if not info.options:
        parts.append("It has none.\n")
        return "\n".join(parts)
    null = any(option.default is None for option in info.options)
    parts.append(
        f"On the command line `--option NAME=VALUE`{' (`null` for None)' if null else ''}, in "
        f'Python `FewShotClassifier("{info.name}", NAME=VALUE)`.\n'
    )
    rows = [
        (
            f"`{option.name}`",
            ", ".join(f"`{choice}`" for choice in option.choices) or cell(str(option.type)),
            f"`{value_text(option.default)}`",
            cell(option.meaning),
        )
        for option in info.options
    ]
    parts.append(table(("option", "type", "default", "meaning"), rows))
    return "\n".join(parts)


# Markdown


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table, with a line after it."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"


def cell(text: str) -> str:
    """Text for a cell of a table: one line; bars and brackets are not Markdown's."""
    line = " ".join(text.split())
    for character in "|<>[]*":
        line = line.replace(character, f"\\{character}")
    return line


def tick(there: bool) -> str:
    """A mark for what is there."""
    return "✓" if there else ""


def listed(value: str | Iterable[str] | None) -> str:
    """A text, or several with commas."""
    if value is None:
        return ""
    return cell(value if isinstance(value, str) else ", ".join(map(str, value)))


def paragraphs(text: str | None) -> str:
    """A docstring as Markdown paragraphs."""
    return "\n\n".join(" ".join(part.split()) for part in (text or "").split("\n\n"))


def first_line(text: str | None) -> str:
    """The first paragraph, for a table."""
    return cell((text or "").split("\n\n")[0])


def anchor(command: str) -> str:
    """The anchor of a command's heading."""
    return command.replace(" ", "-")


if __name__ == "__main__":
    main()
