"""A private copy shares what does not train, and nothing done to it reaches the original."""

from __future__ import annotations

import torch
from torch import nn

from fsl_nlp.training.copies import private_copy, put_tensors, thaw
from fsl_nlp.training.losses import supervised_contrastive


def small() -> nn.Sequential:
    return nn.Sequential(nn.Linear(4, 4), nn.LayerNorm(4), nn.Linear(4, 4)).requires_grad_(False)


def test_tensors_are_shared_until_thawed() -> None:
    module = small().to(torch.bfloat16)
    copy = private_copy(module)
    assert isinstance(copy, nn.Sequential)
    assert copy[0] is not module[0]
    assert copy[0].weight is module[0].weight
    thawed = thaw(copy, ["2.weight"])
    assert thawed["2.weight"] is copy[2].weight
    assert thawed["2.weight"].dtype == torch.float32
    assert thawed["2.weight"].requires_grad
    before = module[2].weight.clone()
    with torch.no_grad():
        thawed["2.weight"].add_(1)
    assert torch.equal(module[2].weight, before)
    assert copy[0].weight is module[0].weight


def test_a_tied_tensor_stays_tied() -> None:
    module = small()
    module[2].weight = module[0].weight
    copy = private_copy(module)
    thawed = thaw(copy, ["0.weight"])
    assert isinstance(copy, nn.Sequential)
    assert copy[0].weight is copy[2].weight is thawed["0.weight"]


def test_tensors_are_put_in_place() -> None:
    module = small()
    copy = private_copy(module)
    put_tensors(copy, {"1.bias": torch.arange(4.0)})
    assert isinstance(copy, nn.Sequential)
    assert copy[1].bias.tolist() == [0, 1, 2, 3]
    assert module[1].bias.tolist() == [0, 0, 0, 0]
    assert not copy[1].bias.requires_grad


def test_contrast_by_hand() -> None:
    vectors = torch.nn.functional.normalize(torch.randn(5, 3), dim=-1)
    targets = torch.tensor([0, 0, 1, 1, 2])
    losses = supervised_contrastive(vectors, targets, 0.1)
    similarities = vectors @ vectors.T / 0.1
    for i, partner in ((0, 1), (1, 0), (2, 3), (3, 2)):
        without_i = [j for j in range(5) if j != i]
        expected = similarities[i, without_i].logsumexp(0) - similarities[i, partner]
        torch.testing.assert_close(losses[i], expected)
    assert losses[4] == 0
