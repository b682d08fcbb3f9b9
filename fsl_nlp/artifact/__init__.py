"""The saved form of a fitted method: JSON and safetensors in a folder, no pickle.

A saved classifier, or bot:

    classifier.json              the manifest: what it is, and the sums of all files; written last
    tensors-<sum>.safetensors    what was learned, and the answer to a test question
    examples-<sum>.jsonl         the training examples, unless they were left out
    history-<sum>.jsonl          the edits since the fit, with what it takes to undo them
    scorer-<sum>.onnx            its head, for `fsl_nlp.runtime`; where ONNX graphs can be made
    encoder-<number>/            the encoder's graph; in exported bots

What `fsl-nlp meta-train` learned:

    meta.json                    the manifest
    parameters-<sum>.safetensors

The manifest holds the number of its format. Every fsl_nlp reads its own format and all older ones.

| format | what changed |
|---|---|
| 1 | The first one. |
| 2 | `inputs`: what an example must be. |
|   | The option `sharpness` is `loss_temperature`, and `soften` is `distillation_temperature`. |
|   | The tensor `self_test.beliefs` is `self_test.probabilities`. |
|   | `method_source`: the package that offers the method, or "object". |
|   | `encoder` has `languages`, if it is one of the catalogue. |
|   | `report`: why `auto` chose its method. |
|   | `meta.json` has `fsl_nlp`, `files` and `sum`, as `classifier.json`; it had `file`. |
|   | Parts of exported bots say the `precision` of their encoder and what was `pruned`. |
| 3 | `decision` and the tensors `decision.*`: when the classifier answers. |
|   | `editing` and `files.history`: what an edit needs, and the edits so far. |

To change the format: raise the number in `protocols.py`, write `format_N.py` with the step from the
old number N to the next, add a row here, and keep an artefact of number N in the tests.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from fsl_nlp.lazy import lazy_attributes

if TYPE_CHECKING:
    from fsl_nlp.artifact.inspection import ClassifierInspection as ClassifierInspection
    from fsl_nlp.artifact.inspection import MetaInspection as MetaInspection
    from fsl_nlp.artifact.inspection import inspect_bot as inspect_bot
    from fsl_nlp.artifact.reading import read_classifier as read_classifier
    from fsl_nlp.artifact.record import SavedClassifier as SavedClassifier
    from fsl_nlp.artifact.record import SavedEncoder as SavedEncoder
    from fsl_nlp.artifact.record import SavedPart as SavedPart
    from fsl_nlp.artifact.writing import check_folder as check_folder
    from fsl_nlp.artifact.writing import write_classifier as write_classifier

__getattr__, __dir__, __all__ = lazy_attributes(
    __name__,
    {
        "ClassifierInspection": "inspection",
        "MetaInspection": "inspection",
        "SavedClassifier": "record",
        "SavedEncoder": "record",
        "SavedPart": "record",
        "check_folder": "writing",
        "inspect_bot": "inspection",
        "read_classifier": "reading",
        "write_classifier": "writing",
    },
)
