"""Networks without shortcuts."""

import torch
import torch.nn as nn
import torch.nn.functional as F

from parts import ConvNorm, conv, dropout, flatten, global_avg_pool, max_pool, relu


class LogisticRegression(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(3072, 10)

    def forward(self, x):
        return self.fc(flatten(x))


class Perceptron(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc1, self.fc2, self.fc3 = nn.Linear(3072, 512), nn.Linear(512, 256), nn.Linear(256, 10)

    def forward(self, x):
        x = dropout(relu(self.fc1(flatten(x))), 0.2, self.training)
        return self.fc3(dropout(relu(self.fc2(x)), 0.2, self.training))


class LeNet5(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1, self.conv2 = conv(3, 6, 5, bias=True), conv(6, 16, 5, bias=True)
        self.fc1, self.fc2, self.fc3 = nn.Linear(400, 120), nn.Linear(120, 84), nn.Linear(84, 10)

    def forward(self, x):
        x = F.avg_pool2d(torch.tanh(self.conv1(x)), 2)
        x = F.avg_pool2d(torch.tanh(self.conv2(x)), 2)
        return self.fc3(torch.tanh(self.fc2(torch.tanh(self.fc1(flatten(x))))))


class AlexNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = conv(3, 64, 3, 2, 1, bias=True)
        self.conv2 = conv(64, 192, 3, 1, 1, bias=True)
        self.conv3 = conv(192, 384, 3, 1, 1, bias=True)
        self.conv4 = conv(384, 256, 3, 1, 1, bias=True)
        self.conv5 = conv(256, 256, 3, 1, 1, bias=True)
        self.fc1, self.fc2, self.fc3 = nn.Linear(1024, 4096), nn.Linear(4096, 4096), nn.Linear(4096, 10)

    def forward(self, x):
        x = max_pool(relu(self.conv1(x)), 2)
        x = max_pool(relu(self.conv2(x)), 2)
        x = relu(self.conv4(relu(self.conv3(x))))
        x = flatten(max_pool(relu(self.conv5(x)), 2))
        x = relu(self.fc1(dropout(x, 0.5, self.training)))
        return self.fc3(relu(self.fc2(dropout(x, 0.5, self.training))))


class VGG16(nn.Module):
    def __init__(self):
        super().__init__()
        widths = [3, 64, 128, 256, 512, 512]
        for stage, count in enumerate([2, 2, 3, 3, 3], 1):
            before, width = widths[stage - 1], widths[stage]
            blocks = [ConvNorm(before if i == 0 else width, width, 3, bias=True) for i in range(count)]
            setattr(self, f"stage{stage}", nn.Sequential(*blocks))
        self.fc = nn.Linear(512, 10)

    def forward(self, x):
        for stage in range(1, 6):
            x = max_pool(getattr(self, f"stage{stage}")(x), 2)
        return self.fc(flatten(x))


class AllCNN(nn.Module):
    def __init__(self):
        super().__init__()
        shapes = [(96, 3, 1, 1), (96, 3, 1, 1), (96, 3, 2, 1), (192, 3, 1, 1), (192, 3, 1, 1), (192, 3, 2, 1)]
        inputs = 3
        for i, (channels, kernel, stride, padding) in enumerate([*shapes, (192, 3, 1, 0), (192, 1, 1, 0), (10, 1, 1, 0)], 1):
            setattr(self, f"conv{i}", conv(inputs, channels, kernel, stride, padding, bias=True))
            inputs = channels

    def forward(self, x):
        x = dropout(x, 0.2, self.training)
        for i in range(1, 10):
            x = relu(getattr(self, f"conv{i}")(x))
            if i in (3, 6):
                x = dropout(x, 0.5, self.training)
        return global_avg_pool(x)


class MlpConv(nn.Module):
    def __init__(self, inputs, channels, kernel, inner, outer):
        super().__init__()
        self.conv = conv(inputs, channels, kernel, 1, kernel // 2, bias=True)
        self.inner = conv(channels, inner, 1, bias=True)
        self.outer = conv(inner, outer, 1, bias=True)

    def forward(self, x):
        return relu(self.outer(relu(self.inner(relu(self.conv(x))))))


class NetworkInNetwork(nn.Module):
    def __init__(self):
        super().__init__()
        self.block1 = MlpConv(3, 192, 5, 160, 96)
        self.block2 = MlpConv(96, 192, 5, 192, 192)
        self.block3 = MlpConv(192, 192, 3, 192, 10)

    def forward(self, x):
        x = dropout(max_pool(self.block1(x), 3, 2, 1), 0.5, self.training)
        x = dropout(F.avg_pool2d(self.block2(x), 3, 2, 1), 0.5, self.training)
        return global_avg_pool(self.block3(x))


class Inception(nn.Module):
    def __init__(self, inputs, one, reduce3, three, reduce5, five, pool):
        super().__init__()
        make = lambda inputs, channels, kernel=1: ConvNorm(inputs, channels, kernel, eps=1e-3)
        self.branch1 = make(inputs, one)
        self.reduce3, self.branch2 = make(inputs, reduce3), make(reduce3, three, 3)
        self.reduce5, self.branch3 = make(inputs, reduce5), make(reduce5, five, 3)
        self.branch4 = make(inputs, pool)

    def forward(self, x):
        paths = [self.branch1(x), self.branch2(self.reduce3(x)), self.branch3(self.reduce5(x)), self.branch4(max_pool(x, 3, 1, 1))]
        return torch.cat(paths, 1)


class EarlyHead(nn.Module):
    def __init__(self, inputs):
        super().__init__()
        self.conv = ConvNorm(inputs, 128, 1, eps=1e-3)
        self.fc1, self.fc2 = nn.Linear(2048, 1024), nn.Linear(1024, 10)

    def forward(self, x):
        return self.fc2(relu(self.fc1(flatten(self.conv(F.adaptive_avg_pool2d(x, 4))))))


class GoogLeNet(nn.Module):
    # Of the losses of what training has besides the result.
    aux_weight = 0.3
    TABLE = {
        "3a": (64, 96, 128, 16, 32, 32),
        "3b": (128, 128, 192, 32, 96, 64),
        "4a": (192, 96, 208, 16, 48, 64),
        "4b": (160, 112, 224, 24, 64, 64),
        "4c": (128, 128, 256, 24, 64, 64),
        "4d": (112, 144, 288, 32, 64, 64),
        "4e": (256, 160, 320, 32, 128, 128),
        "5a": (256, 160, 320, 32, 128, 128),
        "5b": (384, 192, 384, 48, 128, 128),
    }

    HEADS = {"4a": "aux1", "4d": "aux2"}

    def __init__(self):
        super().__init__()
        self.stem = ConvNorm(3, 192, 3, eps=1e-3)
        inputs = 192
        for name, (one, reduce3, three, reduce5, five, pool) in self.TABLE.items():
            setattr(self, f"inception{name}", Inception(inputs, one, reduce3, three, reduce5, five, pool))
            inputs = one + three + five + pool
            if name in self.HEADS:
                setattr(self, self.HEADS[name], EarlyHead(inputs))
        self.fc = nn.Linear(inputs, 10)

    def forward(self, x):
        x = self.stem(x)
        early = []
        for name in self.TABLE:
            if name in ("4a", "5a"):
                x = max_pool(x, 3, 2, 1)
            x = getattr(self, f"inception{name}")(x)
            if self.training and name in self.HEADS:
                early.append(getattr(self, self.HEADS[name])(x))
        result = self.fc(global_avg_pool(x))
        return (result, *early) if self.training else result
