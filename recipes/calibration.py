"""The expected calibration error of methods on public corpora, in percent with its 95% interval.

    FSL_NLP_DATA=FOLDER python recipes/calibration.py [METHOD ...]

5 examples of each label are learned (`sample_shots`, seed 0). The development file and the test
file are asked; settings were chosen on development files. The default methods are `linear`,
`proto`, `knn` and `gaussian`.
"""

from __future__ import annotations

import sys

import numpy as np

from fsl_nlp import load_dataset
from fsl_nlp.decision.calibration_error import (
    calibration_error_interval,
    expected_calibration_error,
)
from fsl_nlp.decision.probabilities import softmax
from fsl_nlp.encoders import load_encoder
from fsl_nlp.methods import build_method
from fsl_nlp.splits import sample_shots

SHOTS = 5
CORPORA = {
    "banking77": ("embedded:en", "valid"),
    "clinc150": ("embedded:en", "valid"),
    "smp2017": ("embedded:multilingual", "develop"),
}


def main(methods: list[str]) -> None:
    """Print a line for each method and file."""
    for name, (encoder_name, development) in CORPORA.items():
        encoder = load_encoder(encoder_name)
        support = sample_shots(load_dataset(f"{name}:train"), SHOTS)
        for method in methods or ["linear", "proto", "knn", "gaussian"]:
            fitted = build_method(method, encoder).fit(support)
            index = {label: i for i, label in enumerate(fitted.labels)}
            for split in (development, "test"):
                asked = load_dataset(f"{name}:{split}")
                targets = np.array([index[label] for label in asked.known_targets])
                probabilities = softmax(fitted.scores(asked.examples))
                judged = probabilities.max(1), probabilities.argmax(1) == targets
                error = 100 * expected_calibration_error(*judged)
                low, high = (100 * bound for bound in calibration_error_interval(*judged))
                print(
                    f"{name}:{split:8} {method:10} accuracy {100 * judged[1].mean():.1f}  "
                    f"error {error:.1f} ({low:.1f} to {high:.1f})  n {len(targets)}",
                    flush=True,
                )


if __name__ == "__main__":
    main(sys.argv[1:])
