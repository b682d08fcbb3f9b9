"""The `fsl-nlp` command."""

from __future__ import annotations


def main() -> None:
    """Run the command line; ends the process with 0, 1 (an error) or 2 (a wrong command line)."""
    try:
        from fsl_nlp.cli.app import run
    except ModuleNotFoundError as error:
        import sys

        missing = (error.name or "").partition(".")[0]
        if not missing or missing == "fsl_nlp":
            raise
        print(
            f"error: the command line needs the package {missing} (pip install {missing}). "
            "In Python: from fsl_nlp.runtime import Bot",
            file=sys.stderr,
        )
        sys.exit(1)
    except KeyboardInterrupt:
        import sys

        print("Stopped.", file=sys.stderr)
        sys.exit(130)
    run()
