"""Networks of depthwise and grouped convolutions."""

import torch
import torch.nn as nn
import torch.nn.functional as F

from parts import ConvNorm, Gate, conv, depthwise, drop_path, dropout, global_avg_pool, hardsigmoid, hardswish, relu, relu6, repeat
from residual import Bottleneck


def norm(channels, **options):
    return nn.BatchNorm2d(channels, **options)


V3 = {"eps": 1e-3, "momentum": 0.01}


class Inverted(nn.Module):
    """1x1 convolution to `wide` channels, a depthwise one, perhaps a gate, and 1x1 to `channels`."""

    def __init__(self, inputs, wide, channels, kernel, stride, activation, gate=None, options={}, drop=0):
        super().__init__()
        self.expands = wide != inputs
        if self.expands:
            self.expand, self.expand_bn = conv(inputs, wide, 1), norm(wide, **options)
        self.depthwise, self.depthwise_bn = depthwise(wide, kernel, stride), norm(wide, **options)
        self.se = nn.Identity() if gate is None else gate(wide, inputs)
        self.project, self.project_bn = conv(wide, channels, 1), norm(channels, **options)
        self.activation, self.adds, self.drop = activation, stride == 1 and inputs == channels, drop

    def forward(self, x):
        y = self.activation(self.expand_bn(self.expand(x))) if self.expands else x
        y = self.se(self.activation(self.depthwise_bn(self.depthwise(y))))
        y = self.project_bn(self.project(y))
        return x + drop_path(y, self.drop, self.training) if self.adds else y


class Blocks(nn.Module):
    """A stage: its blocks are named `blocks.0`, `blocks.1`, ..."""

    def __init__(self, blocks):
        super().__init__()
        self.blocks = nn.Sequential(*blocks)

    def forward(self, x):
        return self.blocks(x)


class StagedMobile(nn.Module):
    """`table`: (expansion, kernel, channels, blocks, stride) of each stage. `drop`: how often a block behind the last would be left out."""

    def __init__(self, table, activation, gate=None, drop=0):
        super().__init__()
        self.stem, self.stem_bn = conv(3, 32, 3, 1, 1), norm(32)
        inputs, self.count, self.activation = 32, len(table), activation
        before, total = 0, sum(count for _, _, _, count, _ in table)
        for number, (expand, kernel, channels, count, stride) in enumerate(table, 1):
            blocks = []
            for i in range(count):
                rate = drop * before / total
                blocks.append(Inverted(inputs, expand * inputs, channels, kernel, stride if i == 0 else 1, activation, gate, drop=rate))
                inputs, before = channels, before + 1
            setattr(self, f"stage{number}", Blocks(blocks))
        self.head, self.head_bn, self.fc = conv(inputs, 1280, 1), norm(1280), nn.Linear(1280, 10)

    def forward(self, x):
        x = self.activation(self.stem_bn(self.stem(x)))
        for number in range(1, self.count + 1):
            x = getattr(self, f"stage{number}")(x)
        x = global_avg_pool(self.activation(self.head_bn(self.head(x))))
        return self.fc(dropout(x, 0.2, self.training))


def mobilenet_v2():
    rows = [(1, 16, 1, 1), (6, 24, 2, 1), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1)]
    return StagedMobile([(expand, 3, *rest) for expand, *rest in rows], relu6)


def efficientnet_b0():
    first = [(1, 3, 16, 1, 1), (6, 3, 24, 2, 2), (6, 5, 40, 2, 2), (6, 3, 80, 3, 2)]
    table = [*first, (6, 5, 112, 3, 1), (6, 5, 192, 4, 2), (6, 3, 320, 1, 1)]
    return StagedMobile(table, F.silu, lambda wide, inputs: Gate(wide, inputs // 4, inner=F.silu), 0.2)


class MobileNetV3Small(nn.Module):
    TABLE = [
        (3, 16, 16, True, False, 1),
        (3, 72, 24, False, False, 2),
        (3, 88, 24, False, False, 1),
        (5, 96, 40, True, True, 2),
        (5, 240, 40, True, True, 1),
        (5, 240, 40, True, True, 1),
        (5, 120, 48, True, True, 1),
        (5, 144, 48, True, True, 1),
        (5, 288, 96, True, True, 2),
        (5, 576, 96, True, True, 1),
        (5, 576, 96, True, True, 1),
    ]

    def __init__(self):
        super().__init__()
        self.stem, self.stem_bn = conv(3, 16, 3, 1, 1), norm(16, **V3)
        gate = lambda wide, inputs: Gate(wide, max(8, (wide // 4 + 4) // 8 * 8), outer=hardsigmoid)
        inputs = 16
        for number, (kernel, wide, channels, gated, hard, stride) in enumerate(self.TABLE, 1):
            activation = hardswish if hard else relu
            block = Inverted(inputs, wide, channels, kernel, stride, activation, gate if gated else None, V3)
            setattr(self, f"block{number}", block)
            inputs = channels
        self.head, self.head_bn = conv(inputs, 576, 1), norm(576, **V3)
        self.fc1, self.fc2 = nn.Linear(576, 1024), nn.Linear(1024, 10)

    def forward(self, x):
        x = hardswish(self.stem_bn(self.stem(x)))
        for number in range(1, len(self.TABLE) + 1):
            x = getattr(self, f"block{number}")(x)
        x = global_avg_pool(hardswish(self.head_bn(self.head(x))))
        return self.fc2(dropout(hardswish(self.fc1(x)), 0.2, self.training))


def depthwise_norm(channels, stride):
    return ConvNorm(channels, channels, 3, stride, activation=None, groups=channels)


def shuffle(x):
    images, channels, height, width = x.shape
    return x.reshape(images, 2, channels // 2, height, width).transpose(1, 2).reshape(x.shape)


class Unit(nn.Module):
    def __init__(self, half):
        super().__init__()
        self.pointwise1, self.depthwise, self.pointwise2 = ConvNorm(half, half), depthwise_norm(half, 1), ConvNorm(half, half)

    def forward(self, x):
        kept, changed = x.chunk(2, 1)
        return shuffle(torch.cat([kept, self.pointwise2(self.depthwise(self.pointwise1(changed)))], 1))


class Downsample(nn.Module):
    def __init__(self, inputs, half):
        super().__init__()
        self.short_depthwise, self.short_pointwise = depthwise_norm(inputs, 2), ConvNorm(inputs, half)
        self.pointwise1, self.depthwise, self.pointwise2 = ConvNorm(inputs, half), depthwise_norm(half, 2), ConvNorm(half, half)

    def forward(self, x):
        short = self.short_pointwise(self.short_depthwise(x))
        return shuffle(torch.cat([short, self.pointwise2(self.depthwise(self.pointwise1(x)))], 1))


class ShuffleNetV2(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem, self.stem_bn = conv(3, 24, 3, 1, 1), norm(24)
        inputs = 24
        for number, (channels, count) in enumerate([(116, 3), (232, 7), (464, 3)], 1):
            setattr(self, f"down{number}", Downsample(inputs, channels // 2))
            setattr(self, f"stage{number}", repeat(count, lambda i: Unit(channels // 2)))
            inputs = channels
        self.head, self.fc = ConvNorm(inputs, 1024), nn.Linear(1024, 10)

    def forward(self, x):
        x = relu(self.stem_bn(self.stem(x)))
        for number in (1, 2, 3):
            x = getattr(self, f"stage{number}")(getattr(self, f"down{number}")(x))
        return self.fc(global_avg_pool(self.head(x)))


class RegNetX200MF(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem, self.stem_bn = conv(3, 32, 3, 1, 1), norm(32)
        inputs = 32
        for number, (channels, count, stride) in enumerate([(24, 1, 1), (56, 1, 1), (152, 4, 2), (368, 7, 2)], 1):
            blocks = []
            for i in range(count):
                blocks.append(Bottleneck(inputs, channels, channels, stride if i == 0 else 1, groups=channels // 8))
                inputs = channels
            setattr(self, f"stage{number}", Blocks(blocks))
        self.fc = nn.Linear(inputs, 10)

    def forward(self, x):
        x = relu(self.stem_bn(self.stem(x)))
        for number in (1, 2, 3, 4):
            x = getattr(self, f"stage{number}")(x)
        return self.fc(global_avg_pool(x))
