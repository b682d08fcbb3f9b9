"""What a training draws is its own: whatever other threads draw, and nothing of theirs changes."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from fsl_nlp.seeding import random_states, seeded, set_random_states

ROWS = torch.ones(40, 8)
DRAWS: dict[str, Callable[[], Tensor]] = {
    "rand": lambda: torch.rand(3),
    "randn": lambda: torch.randn(2, 3),
    "randperm": lambda: torch.randperm(9),
    "randint": lambda: torch.randint(9, (9,)),
    "bernoulli": lambda: torch.bernoulli(ROWS * 0.5),
    "multinomial": lambda: torch.multinomial(torch.ones(9), 5),
    "in place": lambda: ROWS.clone().normal_(),
    "linear": lambda: nn.Linear(4, 8).weight.detach(),
    "embedding": lambda: nn.Embedding(4, 8).weight.detach(),
    "xavier": lambda: nn.init.xavier_uniform_(torch.empty(4, 8)),
    "dropout": lambda: F.dropout(ROWS, 0.3),
    "dropout module": lambda: nn.Dropout(0.3)(ROWS),
    "dropout in place": lambda: F.dropout(ROWS.clone(), 0.3, inplace=True),
    "dropout in bf16": lambda: F.dropout(ROWS.bfloat16(), 0.1),
    "like": lambda: torch.rand_like(ROWS),
    "normal like": lambda: torch.randn_like(ROWS),
}


@pytest.mark.parametrize("name", DRAWS)
def test_the_numbers_are_those_of_a_generator_with_that_seed(name: str) -> None:
    state = torch.get_rng_state()
    try:
        torch.manual_seed(3)
        expected = DRAWS[name]()
    finally:
        torch.set_rng_state(state)
    with seeded(3):
        drawn = DRAWS[name]()
    assert torch.equal(drawn, expected)
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.parametrize("masked", ["none", "boolean", "added", "causal"])
def test_dropout_of_attention(masked: str) -> None:
    query = torch.randn(2, 3, 5, 4, generator=torch.Generator().manual_seed(0))
    mask = torch.ones(5, 5, dtype=torch.bool).tril()
    options: dict[str, object] = {
        "none": {},
        "boolean": {"attn_mask": mask},
        "added": {"attn_mask": torch.zeros(5, 5).masked_fill(~mask, -1e9)},
        "causal": {"is_causal": True},
    }[masked]  # type: ignore[assignment]

    def attend(dropout: float) -> Tensor:
        return F.scaled_dot_product_attention(query, query, query, dropout_p=dropout, **options)  # type: ignore[arg-type]

    state = torch.get_rng_state()
    with seeded(1):
        torch.testing.assert_close(attend(0.0), attend(1e-12))
        first = attend(0.5)
    with seeded(1):
        attend(1e-12)
        assert torch.equal(attend(0.5), first)
    assert not torch.allclose(first, attend(0.0))
    assert torch.equal(torch.get_rng_state(), state)


def test_blocks_in_blocks_and_in_threads_do_not_meet() -> None:
    with seeded(1):
        alone = [torch.rand(4) for _ in range(3)]
    other: list[Tensor] = []
    with seeded(1):
        mixed = [torch.rand(4)]
        with seeded(2):
            torch.rand(9)
        thread = threading.Thread(target=lambda: other.append(torch.rand(4)))
        state = torch.get_rng_state()
        thread.start()
        thread.join()
        mixed += [torch.rand(4), torch.rand(4)]
        assert not torch.equal(torch.get_rng_state(), state)  # the thread has no block of its own
    assert all(torch.equal(a, b) for a, b in zip(alone, mixed, strict=True))


def test_a_block_continues_where_another_was() -> None:
    with seeded(1):
        torch.rand(3)
        states = random_states()
        expected = torch.rand(3)
    with seeded(9):
        set_random_states(states)
        assert torch.equal(torch.rand(3), expected)
    assert random_states() == {}
