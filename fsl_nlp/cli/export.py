from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fsl_nlp.cli.options import ClassifierFolder, StoreExamples, shared
from fsl_nlp.cli.run import Run, command
from fsl_nlp.errors import OptionError
from fsl_nlp.processor import int8_gains_little

if TYPE_CHECKING:
    from fsl_nlp.export.bot import ExportedBot


def add_to(app: typer.Typer) -> None:
    """Add the command `export`."""

    @command(app, example="fsl-nlp export my-bot --out my-bot-exported")
    def export(
        run: Run,
        folder: ClassifierFolder,
        out: Annotated[Path, shared("--out", "A new folder.")],
        int8: Annotated[
            bool,
            typer.Option("--int8", help="Smaller and faster; says how many answers change."),
        ] = False,
        max_changed: Annotated[
            float,
            typer.Option(min=0, max=1, help="With --int8: the share of answers that may change."),
        ] = 0.02,
        scripts: Annotated[
            str | None,
            typer.Option(
                help="Keep only word pieces in these scripts, such as latin,han: less memory."
            ),
        ] = None,
        store_examples: StoreExamples = True,
        encoder_only: Annotated[
            bool,
            typer.Option("--encoder-only", help="Only the tuned encoder, as a Hugging Face model."),
        ] = False,
    ) -> None:
        """Write a classifier as one folder that answers without torch (fsl_nlp.runtime.Bot)."""
        from fsl_nlp import FewShotClassifier
        from fsl_nlp.export import export_bot, export_encoder

        if encoder_only:
            if int8 or scripts:
                raise OptionError(
                    "--encoder-only writes weights for torch. Leave --int8 and --scripts out."
                )
            written = export_encoder(FewShotClassifier.load(folder), out)
            run.show(
                {"out": str(written)},
                lambda: f"Saved in {written}. Use it by its path: --encoder {written}",
            )
            return
        exported = export_bot(
            FewShotClassifier.load(folder),
            out,
            precision="int8" if int8 else "fp32",
            scripts=scripts.split(",") if scripts is not None else None,
            max_changed=max_changed,
            store_examples=store_examples,
        )
        run.show(exported.to_dict(), lambda: _as_text(exported))


def _as_text(exported: ExportedBot) -> str:
    lines = []
    if exported.least_cosine is not None:
        lines.append(
            f"Compared on the {exported.examples} training examples, in {exported.precision}: "
            f"{exported.changed} answers changed, old and new vectors agree (lowest cosine "
            f"{exported.least_cosine:.4f})."
        )
    if exported.precision == "int8" and (note := int8_gains_little()):
        lines.append(note)
    if exported.dropped:
        lines.append(f"Left out: {'; '.join(exported.dropped)}.")
    folder = shlex.quote(str(exported.folder))
    lines.append(
        f"Saved in {exported.folder} ({exported.megabytes:g} MB). In Python it needs only numpy, "
        "onnxruntime, tokenizers and safetensors:\n"
        f'  from fsl_nlp.runtime import Bot; Bot.load({str(exported.folder)!r}).classify("...")\n'
        f"The command fsl-nlp predict {folder} needs the whole package."
    )
    return "\n".join(lines)
