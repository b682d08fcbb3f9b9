"""The expected calibration error of methods on public corpora, in percent with its 95% interval.

    FSL_NLP_DATA=FOLDER python recipes/calibration.py [--test] [METHOD ...]

5 examples of each label are learned (`sample_shots`, seed 0); development files are asked, or with
--test the test files. The default methods are `linear`, `proto`, `knn` and `gaussian`.
"""

from __future__ import annotations

import sys

import numpy as np

from fsl_nlp import load_dataset
from fsl_nlp.decision.calibration import calibration_error, calibration_interval
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


def main(methods: list[str], test: bool) -> None:
    """Print a line for each method and corpus."""
    for name, (encoder_name, development) in CORPORA.items():
        encoder = load_encoder(encoder_name)
        support = sample_shots(load_dataset(f"{name}:train"), SHOTS)
        asked = load_dataset(f"{name}:{'test' if test else development}")
        for method in methods or ["linear", "proto", "knn", "gaussian"]:
            fitted = build_method(method, encoder).fit(support)
            index = {label: i for i, label in enumerate(fitted.labels)}
            targets = np.array([index[label] for label in asked.known_targets])
            probabilities = softmax(fitted.scores(asked.examples))
            error = 100 * calibration_error(probabilities, targets)
            low, high = (100 * bound for bound in calibration_interval(probabilities, targets))
            accuracy = 100 * (probabilities.argmax(1) == targets).mean()
            print(
                f"{name:10} {method:10} accuracy {accuracy:.1f}  "
                f"error {error:.1f} ({low:.1f} to {high:.1f})  n {len(targets)}",
                flush=True,
            )


if __name__ == "__main__":
    arguments = sys.argv[1:]
    main([a for a in arguments if a != "--test"], "--test" in arguments)
