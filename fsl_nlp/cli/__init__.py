"""The `fsl-nlp` command."""

from __future__ import annotations


def main() -> None:
    """Run the command line; ends the process with 0, 1 (an error) or 2 (a wrong command line)."""
    from fsl_nlp.cli.app import run

    run()
