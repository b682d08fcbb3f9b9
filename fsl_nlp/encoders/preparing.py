"""Makes at once what encoders otherwise make at their first use, such as for a container image."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from fsl_nlp.errors import OptionError


@dataclass(frozen=True)
class PreparedFolder:
    """A folder that is ready: of the model itself, or of its ONNX graph in a precision."""

    encoder: str
    what: str
    folder: str
    bytes: int


def prepare_models(names: Sequence[str] = (), *, int8: bool = False) -> Iterator[PreparedFolder]:
    """Make all that these encoders need on a CPU, one folder after another; what is there stays.

    Models are expanded or downloaded, and their ONNX graphs for texts and pairs are written to the
    cache, with `int8` in that precision too. Then a cache that cannot be written serves as well.
    Without names, it is the embedded models that are installed.
    """
    from fsl_nlp.encoders.catalogue import MODELS, locate
    from fsl_nlp.encoders.shared import load_encoder
    from fsl_nlp.runtime.graph import graph_folder

    names = names or [card.name for card in MODELS.values() if card.installed]
    if not names:
        from fsl_nlp.encoders.extras import INSTALL_EMBEDDED

        raise OptionError(f"No embedded model is installed: {INSTALL_EMBEDDED}. Or give a name.")
    for name in names:
        folder = locate(name)
        yield _ready(name, "model", folder)
        if not _is_masked(folder):
            for precision in ("fp32", "int8") if int8 else ("fp32",):
                encoder = load_encoder(name, device="cpu", precision=precision, backend="onnx")
                encoder.text_graph.get()
                graph = graph_folder(encoder.text_graph.info)
                yield _ready(name, f"graph, {precision}", graph)


def _is_masked(folder: Path) -> bool:
    """Whether the model fills in words; prompts run it on PyTorch."""
    import json

    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    return any("MaskedLM" in kind for kind in config.get("architectures") or [])


def _ready(name: str, what: str, folder: Path) -> PreparedFolder:
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    return PreparedFolder(name, what, str(folder), size)
