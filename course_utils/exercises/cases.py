"""Tensors for the exercises' cases: small numbers, short to read in the feedback; shared by all notebooks."""

import torch


def quarters(generator: torch.Generator, *shape: int) -> torch.Tensor:
    """Return float32 multiples of a quarter, about normally distributed."""
    return (torch.randn(shape, generator=generator) * 4).round() / 4 + 0.0  # + 0.0: no -0


def halves(generator: torch.Generator, *shape: int) -> torch.Tensor:
    """Return float32 multiples of a half, from -3.5 to 3.5, all equally likely."""
    return torch.randint(-7, 8, shape, generator=generator) / 2
