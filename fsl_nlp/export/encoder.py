"""Export a tuned encoder as a Hugging Face model folder."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from fsl_nlp.errors import ArtifactError, OptionError
from fsl_nlp.folders import make_folder, make_private, scratch_folder

if TYPE_CHECKING:
    from fsl_nlp.classifier import FewShotClassifier

_WEIGHTS = ("*.safetensors", "*.bin", "*.index.json", "onnx", "openvino", ".*")


def export_encoder(classifier: FewShotClassifier, folder: str | Path) -> Path:
    """Write the tuned encoder, with its adapters merged, to a new folder.

    transformers, sentence-transformers and `TextEncoder` can load it:

        export_encoder(classifier, "my-encoder")
        TextEncoder("my-encoder")
    """
    from fsl_nlp.encoders.catalogue import locate
    from fsl_nlp.encoders.loading import quiet_transformers
    from fsl_nlp.methods.tuned.classifier import TunedClassifier
    from fsl_nlp.training.adaptation import merge_adapters

    fitted, target = getattr(classifier, "classifier_", None), Path(folder)
    if not isinstance(fitted, TunedClassifier) or fitted.adaptation is None:
        raise OptionError(
            "This classifier did not tune its encoder, so there is nothing to export. Fit with "
            "method 'full', 'lora', 'bitfit' or 'contrastive'."
        )
    if target.exists():
        raise ArtifactError(f"{target} exists. Give a new folder.")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with scratch_folder(target) as building:
            make_folder(building)
            fitted.reader.encoder.check_unchanged()
            source = locate(fitted.reader.encoder.name)
            shutil.copytree(
                source, building, dirs_exist_ok=True, ignore=shutil.ignore_patterns(*_WEIGHTS)
            )
            with quiet_transformers():
                merge_adapters(fitted.reader.module).save_pretrained(building)  # type: ignore[operator]
            make_private(building)
            building.rename(target)
    except OSError as error:
        raise ArtifactError(f"{target} cannot be written: {error.strerror or error}.") from error
    return target
