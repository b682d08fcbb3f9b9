"""Finding one's way in a transformer by its structure, whatever its parts are called."""

from __future__ import annotations

from torch import nn

from fsl_nlp.errors import ModelError, OptionError


def layer_stack(module: nn.Module) -> list[tuple[str, nn.Module]]:
    """The transformer layers, from the lowest up, with their names.

    They are the list of modules that holds most of the matrices; of lists one inside another,
    the outermost.
    """
    best: tuple[int, list[tuple[str, nn.Module]]] = (0, [])
    for name, part in module.named_modules():
        if isinstance(part, nn.ModuleList):
            inside = sum(len(linears(layer)) for layer in part)
            if inside > best[0]:
                best = inside, [(f"{name}.{i}", layer) for i, layer in enumerate(part)]
    return best[1]


def linears(module: nn.Module) -> list[str]:
    """The names of the linear maps in it."""
    return [name for name, part in module.named_modules() if isinstance(part, nn.Linear)]


def adapter_targets(module: nn.Module, targets: str, model: str) -> list[str]:
    """The full names of the linear maps that `targets` means.

    "attention" is every one inside the attention of a layer, fused or not; "all" is every one in
    the layers; otherwise names, with commas between them, as they end.
    """
    inside = [
        (f"{name}.{part}", part) for name, layer in layer_stack(module) for part in linears(layer)
    ]
    if targets == "attention":
        # The word for it in every architecture of transformers: attention, attn, self_att.
        chosen = [full for full, part in inside if "att" in part.lower()]
    elif targets == "all":
        chosen = [full for full, _ in inside]
    else:
        endings = [ending.strip() for ending in targets.split(",") if ending.strip()]
        every = linears(module)
        chosen = [
            full for full in every if any(f".{full}".endswith(f".{ending}") for ending in endings)
        ]
    if not chosen:
        raise _nothing_to_adapt(module, targets, model)
    return chosen


def _nothing_to_adapt(module: nn.Module, targets: str, model: str) -> OptionError | ModelError:
    endings = list(dict.fromkeys(name.rsplit(".", 1)[-1] for name in linears(module)))
    if not endings:
        return ModelError(
            f"{model} has no linear map that an adapter could go on. Use method='full' or 'head'."
        )
    return OptionError(
        f"targets={targets!r}: {model} has no such part. What could be adapted: "
        f"{', '.join(endings)}; give some of these, with commas between them, or 'all'."
    )
