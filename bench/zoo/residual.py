"""Networks with shortcuts, and DenseNet."""

import torch
import torch.nn as nn
import torch.nn.functional as F

from parts import Gate, conv, global_avg_pool, relu, repeat


class Shortcut(nn.Module):
    """A block with a shortcut, which is a 1x1 convolution with its norm where the shape changes."""

    def add_shortcut(self, inputs, channels, stride):
        self.changes = stride != 1 or inputs != channels
        if self.changes:
            self.shortcut = conv(inputs, channels, 1, stride)
            self.shortcut_bn = nn.BatchNorm2d(channels)

    def short(self, x):
        return self.shortcut_bn(self.shortcut(x)) if self.changes else x


class Residual(Shortcut):
    """`option_a`: the shortcut has no parameters. `gate`: squeeze and excitation."""

    def __init__(self, inputs, channels, stride, option_a=False, gate=False):
        super().__init__()
        self.conv1, self.bn1 = conv(inputs, channels, 3, stride, 1), nn.BatchNorm2d(channels)
        self.conv2, self.bn2 = conv(channels, channels, 3, 1, 1), nn.BatchNorm2d(channels)
        self.se = Gate(channels, channels // 16) if gate else nn.Identity()
        self.option_a, self.stride, self.added = option_a, stride, channels - inputs
        if not option_a:
            self.add_shortcut(inputs, channels, stride)

    def short(self, x):
        if not self.option_a:
            return super().short(x)
        half = self.added // 2
        return F.pad(x[:, :, :: self.stride, :: self.stride], (0, 0, 0, 0, half, half))

    def forward(self, x):
        y = self.bn2(self.conv2(relu(self.bn1(self.conv1(x)))))
        return relu(self.se(y) + self.short(x))


class Bottleneck(Shortcut):
    def __init__(self, inputs, width, channels, stride, groups=1):
        super().__init__()
        self.conv1, self.bn1 = conv(inputs, width, 1), nn.BatchNorm2d(width)
        self.conv2, self.bn2 = conv(width, width, 3, stride, 1, groups), nn.BatchNorm2d(width)
        self.conv3, self.bn3 = conv(width, channels, 1), nn.BatchNorm2d(channels)
        self.add_shortcut(inputs, channels, stride)

    def forward(self, x):
        y = relu(self.bn2(self.conv2(relu(self.bn1(self.conv1(x))))))
        return relu(self.bn3(self.conv3(y)) + self.short(x))


class PreActivation(nn.Module):
    def __init__(self, inputs, channels, stride):
        super().__init__()
        self.bn1, self.conv1 = nn.BatchNorm2d(inputs), conv(inputs, channels, 3, stride, 1)
        self.bn2, self.conv2 = nn.BatchNorm2d(channels), conv(channels, channels, 3, 1, 1)
        self.shortcut = conv(inputs, channels, 1, stride) if stride != 1 or inputs != channels else None

    def forward(self, x):
        active = relu(self.bn1(x))
        short = x if self.shortcut is None else self.shortcut(active)
        return self.conv2(relu(self.bn2(self.conv1(active)))) + short


class Staged(nn.Module):
    """A stem, stages of equal blocks, and a linear layer on the means. `stages`: (channels, blocks, stride) of each."""

    def __init__(self, stem, stages, block, norm_first=False):
        super().__init__()
        self.norm_first = norm_first
        self.conv1 = conv(3, stem, 3, 1, 1)
        inputs = stem
        self.stages = len(stages)
        for number, (channels, count, stride) in enumerate(stages, 1):
            blocks = []
            for i in range(count):
                blocks.append(block(inputs, channels, stride if i == 0 else 1))
                inputs = channels
            setattr(self, f"stage{number}", nn.Sequential(*blocks))
        if norm_first:
            self.bn = nn.BatchNorm2d(inputs)
        else:
            self.bn1 = nn.BatchNorm2d(stem)
        self.fc = nn.Linear(inputs, 10)

    def forward(self, x):
        x = self.conv1(x)
        if not self.norm_first:
            x = relu(self.bn1(x))
        for number in range(1, self.stages + 1):
            x = getattr(self, f"stage{number}")(x)
        return self.fc(global_avg_pool(relu(self.bn(x)) if self.norm_first else x))


WIDTHS = (64, 128, 256, 512)


def resnet18(gate=False):
    stages = [(width, 2, 1 if i == 0 else 2) for i, width in enumerate(WIDTHS)]
    return Staged(64, stages, lambda inputs, channels, stride: Residual(inputs, channels, stride, gate=gate))


def resnet50():
    stages = [(4 * width, count, 1 if i == 0 else 2) for i, (width, count) in enumerate(zip(WIDTHS, (3, 4, 6, 3)))]
    return Staged(64, stages, lambda inputs, channels, stride: Bottleneck(inputs, channels // 4, channels, stride))


def resnet110():
    stages = [(16, 18, 1), (32, 18, 2), (64, 18, 2)]
    return Staged(16, stages, lambda inputs, channels, stride: Residual(inputs, channels, stride, option_a=True))


def preact_resnet18():
    return Staged(64, [(width, 2, 1 if i == 0 else 2) for i, width in enumerate(WIDTHS)], PreActivation, norm_first=True)


def wide_resnet(depth, widen):
    count = (depth - 4) // 6
    return Staged(16, [(16 * widen, count, 1), (32 * widen, count, 2), (64 * widen, count, 2)], PreActivation, norm_first=True)


def resnext29():
    stages = [(256, 3, 1), (512, 3, 2), (1024, 3, 2)]
    return Staged(64, stages, lambda inputs, channels, stride: Bottleneck(inputs, channels // 2, channels, stride, groups=32))


class Dense(nn.Module):
    def __init__(self, inputs, growth):
        super().__init__()
        self.bn1, self.conv1 = nn.BatchNorm2d(inputs), conv(inputs, 4 * growth, 1)
        self.bn2, self.conv2 = nn.BatchNorm2d(4 * growth), conv(4 * growth, growth, 3, 1, 1)

    def forward(self, x):
        return torch.cat([self.conv2(relu(self.bn2(self.conv1(relu(self.bn1(x)))))), x], 1)


class Transition(nn.Module):
    def __init__(self, inputs):
        super().__init__()
        self.bn, self.conv = nn.BatchNorm2d(inputs), conv(inputs, inputs // 2, 1)

    def forward(self, x):
        return F.avg_pool2d(self.conv(relu(self.bn(x))), 2)


class DenseNet(nn.Module):
    def __init__(self, growth=12, count=16):
        super().__init__()
        self.conv1 = conv(3, 2 * growth, 3, 1, 1)
        inputs = 2 * growth
        for stage in (1, 2, 3):
            before = inputs
            setattr(self, f"dense{stage}", repeat(count, lambda i: Dense(before + i * growth, growth)))
            inputs += count * growth
            if stage < 3:
                setattr(self, f"transition{stage}", Transition(inputs))
                inputs //= 2
        self.bn, self.fc = nn.BatchNorm2d(inputs), nn.Linear(inputs, 10)

    def forward(self, x):
        x = self.transition1(self.dense1(self.conv1(x)))
        x = self.dense3(self.transition2(self.dense2(x)))
        return self.fc(global_avg_pool(relu(self.bn(x))))
