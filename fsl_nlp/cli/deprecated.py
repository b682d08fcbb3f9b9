"""Old names of options, accepted for one more version with a note."""

from __future__ import annotations

from collections.abc import Sequence

# For each command: the old flags with their new names.
RENAMED: dict[str, dict[str, str]] = {
    "fit": {"--shots": "--shot"},
    "episodes": {
        "--names": "--label-names",
        "--descriptions": "--label-descriptions",
        "--drop-shared": "--exclude-test-classes",
        "--one-by-one": "--no-batch",
        "--na-rate": "--nota-rate",
        "--save": "--out",
    },
    "curve": {
        "--methods": "--method",
        "--shots": "--shot",
        "--ways": "--way",
        "--names": "--label-names",
    },
    "export": {"--to": "--out"},
    "benchmark fewclue": {
        "--tasks": "--task",
        "--splits": "--split",
        "--unlabelled": "--unlabelled-count",
    },
}

# Options of other commands, with what a command has instead.
HINTS: dict[str, dict[str, str]] = {
    "benchmark fewrel": {"--limit": "fewrel counts episodes, not test texts: use --episodes."},
}


def hint_for(words: Sequence[str]) -> str:
    """The hint for an option that the command does not have; "" if there is none.

    >>> hint_for(["benchmark", "fewrel", "--limit", "50"])
    'fewrel counts episodes, not test texts: use --episodes.'
    """
    hints = HINTS.get(" ".join(words[:2]), {})
    return next((hints[flag] for word in words if (flag := word.partition("=")[0]) in hints), "")


def with_new_names(words: Sequence[str]) -> tuple[list[str], list[str]]:
    """The words of a command line with the new flags, and a note for each old one.

    >>> with_new_names(["export", "bot", "--to=out"])
    (['export', 'bot', '--out=out'], ['--to is now --out; the old name will be removed.'])
    """
    names = [word for word in words if not word.startswith("-")]
    renamed = RENAMED.get(" ".join(names[:1])) or RENAMED.get(" ".join(names[:2]), {})
    end = words.index("--") if "--" in words else len(words)
    result, notes = list(words), []
    for i, word in enumerate(words[:end]):
        flag, equals, value = word.partition("=")
        if flag in renamed:
            result[i] = renamed[flag] + equals + value
            notes.append(f"{flag} is now {renamed[flag]}; the old name will be removed.")
    return result, notes
