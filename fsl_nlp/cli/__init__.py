"""The `fsl-nlp` command."""

from __future__ import annotations


def main() -> None:
    """Run the command line; ends the process with 0, 1 (the user can mend it) or 2 (usage)."""
    from fsl_nlp.cli.app import run

    run()
