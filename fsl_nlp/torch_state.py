"""What the caller may have set in torch, and what this package needs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch.overrides import TorchFunctionMode


@contextmanager
def own_torch_state() -> Iterator[None]:
    """Inside a `with` block gradients are computed, and new numbers are fp32.

    The caller may be inside `torch.no_grad` or `torch.inference_mode`, or may have called
    `torch.set_default_dtype`. That is a setting of the process, and it stays as it is.

    >>> import torch
    >>> with torch.no_grad(), own_torch_state():
    ...     torch.is_grad_enabled()
    True
    """
    import torch

    with torch.inference_mode(False), torch.enable_grad():
        if torch.get_default_dtype() is torch.float32:
            yield
        else:
            with _float32_mode()():
                yield


@cache
def _float32_mode() -> type[TorchFunctionMode]:
    """A mode in which what makes tensors makes fp32 where no other type is named."""
    import torch
    from torch.overrides import TorchFunctionMode

    # These always make floating-point numbers. They are drawn as fp32, since the same generator
    # gives others as fp64.
    floating = {
        torch.empty, torch.eye, torch.linspace, torch.ones, torch.rand, torch.randn, torch.zeros,
    }  # fmt: skip
    makers = {
        torch.full, torch.tensor, torch.Tensor.__truediv__, torch.Tensor.div, torch.true_divide,
        torch.Tensor.new_tensor, torch.arange,
    }  # fmt: skip

    class Float32(TorchFunctionMode):
        def __torch_function__(
            self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
        ) -> Any:
            kwargs = kwargs or {}
            if func in floating and kwargs.get("dtype") is None and kwargs.get("out") is None:
                return func(*args, **{**kwargs, "dtype": torch.float32})
            result = func(*args, **kwargs)
            if (
                func in makers
                and kwargs.get("dtype") is None
                and result.is_floating_point()
                and not any(_is_floating(value) for value in args)
            ):
                return result.to(torch.float32)
            return result

    return Float32


def _is_floating(value: Any) -> bool:
    """Whether a tensor or an array has a type of its own, which the result has from it."""
    dtype = str(getattr(value, "dtype", ""))
    return "float" in dtype
