"""Find the layers of a transformer by its structure, whatever the names of its parts."""

from __future__ import annotations

from torch import nn

from fsl_nlp.errors import ModelError, OptionError


def layer_stack(module: nn.Module) -> list[tuple[str, nn.Module]]:
    """The transformer layers with their names, the lowest first.

    They are the `ModuleList` with the most linear layers inside; of nested lists, the outermost.
    """
    best: tuple[int, list[tuple[str, nn.Module]]] = (0, [])
    for name, part in module.named_modules():
        if isinstance(part, nn.ModuleList):
            inside = sum(len(linears(layer)) for layer in part)
            if inside > best[0]:
                best = inside, [(f"{name}.{i}", layer) for i, layer in enumerate(part)]
    return best[1]


def linears(module: nn.Module) -> list[str]:
    """The names of the linear layers in a module."""
    return [name for name, part in module.named_modules() if isinstance(part, nn.Linear)]


def adapter_targets(module: nn.Module, targets: str, model: str) -> list[str]:
    """The full names of the linear layers that `targets` selects.

    "attention": those inside the attention blocks. "all": those inside the transformer layers.
    Otherwise: the ends of their names, separated by commas.
    """
    inside = [
        (f"{name}.{part}", part) for name, layer in layer_stack(module) for part in linears(layer)
    ]
    if targets == "attention":
        # All architectures of transformers use one of attention, attn, self_att.
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
            f"{model} has no linear layer for an adapter. Use method='full' or 'head'."
        )
    return OptionError(
        f"targets={targets!r}: {model} has no such layer. Choose among {', '.join(endings)}, "
        "separated by commas, or use 'all'."
    )
