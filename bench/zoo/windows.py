"""The Swin transformer, whose attention stays within windows."""

import torch
import torch.nn as nn
import torch.nn.functional as F

from parts import conv, repeat

WINDOW = 4
TOKENS = WINDOW * WINDOW


def windows(x):
    """[batch, size, size, channels] as [batch, windows, tokens, channels]."""
    batch, size, _, channels = x.shape
    parts = x.reshape(batch, size // WINDOW, WINDOW, size // WINDOW, WINDOW, channels)
    return parts.permute(0, 1, 3, 2, 4, 5).reshape(batch, -1, TOKENS, channels)


def image(x, size):
    batch, _, _, channels = x.shape
    parts = x.reshape(batch, size // WINDOW, size // WINDOW, WINDOW, WINDOW, channels)
    return parts.permute(0, 1, 3, 2, 4, 5).reshape(batch, size, size, channels)


def apart(size):
    """[windows, 1, tokens, tokens]: -100 where a shift by half a window has brought opposite edges together."""
    line = (torch.arange(size) >= size - WINDOW // 2).float()
    regions = windows((line[:, None] + 2 * line[None, :])[None, :, :, None])[0, :, :, 0]
    return -100 * (regions[:, None, :] != regions[:, :, None]).float()[:, None]


class Attention(nn.Module):
    def __init__(self, channels, heads):
        super().__init__()
        self.heads = heads
        self.q, self.k, self.v, self.out = (nn.Linear(channels, channels) for _ in range(4))
        self.bias = nn.Parameter(torch.zeros(heads, 2 * WINDOW - 1, 2 * WINDOW - 1))
        row, column = torch.arange(TOKENS) // WINDOW, torch.arange(TOKENS) % WINDOW
        self.rows = row[None, :] - row[:, None] + WINDOW - 1
        self.columns = column[None, :] - column[:, None] + WINDOW - 1

    def forward(self, x, mask):
        split = lambda y: y.unflatten(-1, (self.heads, -1)).transpose(2, 3)
        q, k, v = split(self.q(x)), split(self.k(x)), split(self.v(x))
        scores = (q * q.shape[-1] ** -0.5) @ k.transpose(-1, -2) + self.bias[:, self.rows, self.columns]
        if mask is not None:
            scores = scores + mask
        return self.out((F.softmax(scores, -1) @ v).transpose(2, 3).flatten(3))


class Layer(nn.Module):
    def __init__(self, channels, heads, size, shifted):
        super().__init__()
        self.size, self.shifted = size, shifted
        self.mask = apart(size) if shifted else None
        self.norm1, self.attention, self.norm2 = nn.LayerNorm(channels), Attention(channels, heads), nn.LayerNorm(channels)
        self.fc1, self.fc2 = nn.Linear(channels, 4 * channels), nn.Linear(4 * channels, channels)

    def forward(self, x):
        y = self.norm1(x)
        if self.shifted:
            y = y.roll((-2, -2), (1, 2))
        y = image(self.attention(windows(y), self.mask), self.size)
        if self.shifted:
            y = y.roll((2, 2), (1, 2))
        x = x + y
        return x + self.fc2(F.gelu(self.fc1(self.norm2(x))))


class Merge(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.norm, self.reduction = nn.LayerNorm(4 * channels), nn.Linear(4 * channels, 2 * channels, bias=False)

    def forward(self, x):
        batch, size, _, channels = x.shape
        parts = x.reshape(batch, size // 2, 2, size // 2, 2, channels).permute(0, 1, 3, 2, 4, 5)
        return self.reduction(self.norm(parts.reshape(batch, size // 2, size // 2, 4 * channels)))


class Swin(nn.Module):
    def __init__(self, width=48):
        super().__init__()
        # ampc has no constants but frozen parameters; here they are made where they are used.
        self.edge = nn.Parameter(torch.ones(2), requires_grad=False)
        self.inside1, self.inside2 = (nn.Parameter(torch.zeros(size - 2), requires_grad=False) for size in (16, 8))
        self.patches, self.norm0 = conv(3, width, 2, 2, bias=True), nn.LayerNorm(width)
        self.stage1 = repeat(2, lambda i: Layer(width, 3, 16, i % 2 == 1))
        self.merge1 = Merge(width)
        self.stage2 = repeat(2, lambda i: Layer(2 * width, 6, 8, i % 2 == 1))
        self.merge2 = Merge(2 * width)
        self.stage3 = repeat(6, lambda i: Layer(4 * width, 12, 4, False))
        self.norm, self.fc = nn.LayerNorm(4 * width), nn.Linear(4 * width, 10)

    def forward(self, x):
        x = self.norm0(self.patches(x).permute(0, 2, 3, 1))
        x = self.stage3(self.merge2(self.stage2(self.merge1(self.stage1(x)))))
        return self.fc(self.norm(x).mean((1, 2)))
