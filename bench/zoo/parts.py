"""What the networks are made of: activations and pools that a run can replace, and layers with the names that ampc gives them."""

import torch
import torch.nn as nn
import torch.nn.functional as F


class Kinks:
    """Activations and pools; `smooth` puts silu, sigmoid and averages in place of those with kinks, where small differences flip."""

    smooth = False

    @classmethod
    def of(cls, kinked, smooth):
        return lambda *args: (smooth if cls.smooth else kinked)(*args)


relu = Kinks.of(F.relu, F.silu)
relu6 = Kinks.of(F.relu6, F.silu)
hardswish = Kinks.of(F.hardswish, F.silu)
hardsigmoid = Kinks.of(F.hardsigmoid, torch.sigmoid)


def max_pool(x, kernel, stride=None, padding=0):
    return (F.avg_pool2d if Kinks.smooth else F.max_pool2d)(x, kernel, stride, padding)


class Chance:
    """Dropout and stochastic depth: off where both sides are to compute the same."""

    on = False


def dropout(x, rate, training):
    return F.dropout(x, rate, training and Chance.on)


def drop_path(x, rate, training):
    """Leaves out all of what images are to have added, drawn for each."""
    if rate == 0 or not (training and Chance.on):
        return x
    kept = torch.rand(len(x), *[1] * (x.dim() - 1)) >= rate
    return x * kept / (1 - rate)


def global_avg_pool(x):
    return x.mean((2, 3))


def conv(inputs, channels, kernel, stride=1, padding=0, groups=1, bias=False):
    return nn.Conv2d(inputs, channels, kernel, stride, padding, groups=groups, bias=bias)


def depthwise(channels, kernel, stride=1, bias=False):
    return conv(channels, channels, kernel, stride, kernel // 2, channels, bias)


def repeat(count, make):
    """`make(i)` for each iteration, named as ampc names those of a `repeat`."""
    return nn.Sequential(*(make(i) for i in range(count)))


def flatten(x):
    """In the order of ampc: channels last."""
    return x.permute(0, 2, 3, 1).flatten(1)


def tokens(x):
    """The pixels of an image as a sequence, row by row."""
    return x.flatten(2).transpose(1, 2)


class ConvNorm(nn.Module):
    """A convolution `conv`, its batch norm `bn`, and an activation."""

    def __init__(self, inputs, channels, kernel=1, stride=1, bias=False, eps=1e-5, activation=relu, groups=1):
        super().__init__()
        self.conv = conv(inputs, channels, kernel, stride, kernel // 2, groups, bias)
        self.bn = nn.BatchNorm2d(channels, eps)
        self.activation = activation

    def forward(self, x):
        y = self.bn(self.conv(x))
        return y if self.activation is None else self.activation(y)


class Gate(nn.Module):
    """Squeeze and excitation: channels weighed by what two linear layers make of their means."""

    def __init__(self, channels, squeezed, inner=relu, outer=torch.sigmoid):
        super().__init__()
        self.squeeze, self.excite = nn.Linear(channels, squeezed), nn.Linear(squeezed, channels)
        self.inner, self.outer = inner, outer

    def forward(self, x):
        return x * self.outer(self.excite(self.inner(self.squeeze(global_avg_pool(x)))))[:, :, None, None]
