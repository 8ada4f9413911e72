"""Notebook 02's network that reads digits, for later notebooks to import."""

import torch
from torch import nn


def block(c_in, c_out, size):
    """(B, c_in, H, W) -> (B, c_out, H / 2, W / 2)."""
    conv = nn.Conv2d(c_in, c_out, size, padding=size // 2, bias=False)
    return nn.Sequential(conv, nn.MaxPool2d(2), nn.BatchNorm2d(c_out), nn.ReLU())


def make_reader():
    """Three blocks that find features, the trunk, and two linear layers for the digit."""
    trunk = nn.Sequential(block(1, 16, 5), block(16, 32, 3), block(32, 64, 3))  # 28 -> 14 -> 7 -> 3
    head = [nn.Linear(64 * 3 * 3, 128, bias=False), nn.BatchNorm1d(128), nn.ReLU(), nn.Linear(128, 10)]
    return nn.Sequential(trunk, nn.Flatten(), *head).to(memory_format=torch.channels_last)
