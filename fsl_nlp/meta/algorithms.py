"""What the name of a meta-learning algorithm means: settings of one learner and one inner loop.

A new algorithm is one entry of `ALGORITHMS`, or an entry point of another package in the group
`fsl_nlp.meta_algorithms`; a new head for a task is one file and one line in `TASK_HEADS`. Nothing
here loads torch.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from fsl_nlp.errors import OptionError
from fsl_nlp.heads.options import option
from fsl_nlp.plugins import Registry

# What adapts below the head: a learned metric on sentence vectors, or their scale and shift; or the
# top of the encoder: its LoRA matrices, layer norms and biases, whole layers, or everything; or,
# for sentences with mentions, the layers that mentions are read from.
VECTOR_BODIES = ("metric", "scale-shift")
MENTION_BODY = "mentions"
ENCODER_BODIES = ("lora", "norms", "layers", "everything", MENTION_BODY)

CHOICES = {
    "body": VECTOR_BODIES + ENCODER_BODIES,
    "adapts": ("head", "body", "all", "none"),
    "task_head": ("zeros", "prototypes", "cosine", "context", "latent"),
    "rates": ("fixed", "step", "parameter"),
    "outer": ("query", "reptile"),
}


@dataclass(frozen=True)
class Algorithm:
    """What an algorithm adapts and how it learns; its fields are options of its method.

    >>> Algorithm(adapts="head").first_order
    False
    """

    adapts: str = option("all", "what inner steps change", choices=CHOICES["adapts"])
    task_head: str = option(
        "zeros", "what the head of a task starts from", choices=CHOICES["task_head"]
    )
    first_order: bool = option(False, "leave out the derivative of the inner gradients")
    rates: str = option(
        "fixed", "inner rates: fixed, or learned per step or parameter", choices=CHOICES["rates"]
    )
    multi_step: bool = option(
        False, "the loss after each inner step counts: first all equally, later the last alone"
    )
    order_annealing: float = option(
        0.0, "share of training that is first-order; the rest is second-order"
    )
    outer: str = option(
        "query",
        "lower the query loss, or move towards the adapted (reptile)",
        choices=CHOICES["outer"],
    )
    hard_classes: bool = option(False, "every second step draws classes by their number of errors")
    pretrain: bool = option(
        False, "first train what lies below the head as a classifier of all source classes"
    )
    body: str = option("metric", "what lies below the head", choices=CHOICES["body"])
    # No options: what it does in one line, and where it was published.
    summary: str = field(default="", metadata={"learned": True})
    paper: str = field(default="", metadata={"learned": True})

    def __post_init__(self) -> None:
        for name, choices in CHOICES.items():
            if (value := getattr(self, name)) not in choices:
                raise OptionError(
                    f"{name}={value!r}: choose one of {', '.join(map(repr, choices))}."
                )
        if not 0 <= self.order_annealing <= 1:
            raise OptionError(f"order_annealing={self.order_annealing!r}: must be from 0 to 1.")


ALGORITHMS: dict[str, Algorithm] = {
    # Classes of an episode come in no order, so the head starts equal for all of them (Ye and Chao
    # 2022, arXiv 2106.16245), and any way fits.
    "maml": Algorithm(
        summary="Learns a start from which a few gradient steps suffice.",
        paper="Finn et al. 2017, arXiv 1703.03400",
    ),
    "fomaml": Algorithm(
        first_order=True,
        summary="MAML without second derivatives: faster, nearly as good.",
        paper="Finn et al. 2017, arXiv 1703.03400",
    ),
    "anil": Algorithm(
        adapts="head",
        summary="MAML whose inner steps change the head alone; the quickest.",
        paper="Raghu et al. 2020, arXiv 1909.09157",
    ),
    # The head stays as it starts, and must tell classes apart, so it starts from the prototypes.
    "boil": Algorithm(
        adapts="body",
        task_head="prototypes",
        summary="MAML whose inner steps change all but the head.",
        paper="Oh et al. 2021, arXiv 2008.08882",
    ),
    "reptile": Algorithm(
        first_order=True,
        outer="reptile",
        summary="Moves the start towards what tasks adapt to.",
        paper="Nichol et al. 2018, arXiv 1803.02999",
    ),
    "meta-sgd": Algorithm(
        rates="parameter",
        summary="MAML with a learned rate for each parameter.",
        paper="Li et al. 2017, arXiv 1707.09835",
    ),
    # The cosine schedule is every algorithm's.
    "maml++": Algorithm(
        rates="step",
        multi_step=True,
        order_annealing=0.3,
        summary="MAML with learned step rates and a multi-step loss.",
        paper="Antoniou et al. 2019, arXiv 1810.09502",
    ),
    "protomaml": Algorithm(
        task_head="prototypes",
        summary="MAML whose head starts from the prototypes.",
        paper="Triantafillou et al. 2020, arXiv 1903.03096",
    ),
    "cavia": Algorithm(
        adapts="head",
        task_head="context",
        summary="Inner steps change only a context vector for each class.",
        paper="Zintgraf et al. 2019, arXiv 1810.03642",
    ),
    "mtl": Algorithm(
        adapts="head",
        hard_classes=True,
        body="scale-shift",
        summary="Learns a scale and shift of the vectors, on hard classes.",
        paper="Sun et al. 2019, arXiv 1812.02403",
    ),
    "leo": Algorithm(
        adapts="head",
        task_head="latent",
        summary="Inner steps in a latent space that makes the head.",
        paper="Rusu et al. 2019, arXiv 1807.05960",
    ),
    "meta-baseline": Algorithm(
        adapts="none",
        task_head="cosine",
        pretrain=True,
        summary="Cosine to class means, pretrained on all source classes.",
        paper="Chen et al. 2021, arXiv 2003.04390",
    ),
}


def _unmet_requirement(name: str, loaded: Any) -> str | None:
    return None if isinstance(loaded, Algorithm) else "is no fsl_nlp.meta.algorithms.Algorithm"


REGISTRY = Registry(ALGORITHMS, "fsl_nlp.meta_algorithms", check=_unmet_requirement)


def algorithm_names() -> list[str]:
    """The names of all algorithms, those of installed packages last.

    >>> algorithm_names()[:2]
    ['maml', 'fomaml']
    """
    return REGISTRY.names()


def find_algorithm(name: str) -> Algorithm:
    """The settings behind a name of `algorithm_names`.

    >>> find_algorithm("anil").adapts
    'head'
    """
    if name not in REGISTRY:
        raise OptionError(f"There is no meta-learning algorithm {name!r}.{REGISTRY.suggest(name)}")
    settings: Algorithm = REGISTRY.load(name)
    return settings
