"""The networks of examples/airbench*.amp in PyTorch, with the names that ampc gives their layers, and how they are trained."""

import torch
import torch.nn as nn
import torch.nn.functional as F


class Norm(nn.BatchNorm2d):
    """Learns what is added and no factor."""

    def __init__(self, channels):
        super().__init__(channels, eps=1e-12, momentum=0.4)
        del self.weight
        self.register_parameter("weight", None)


def conv(inputs, channels):
    return nn.Conv2d(inputs, channels, 3, padding=1, bias=False)


class Group(nn.Module):
    """Two convolutions, or three with a shortcut around the last two."""

    def __init__(self, inputs, channels, depth):
        super().__init__()
        self.conv1, self.norm1 = conv(inputs, channels), Norm(channels)
        self.conv2, self.norm2 = conv(channels, channels), Norm(channels)
        if depth == 3:
            self.conv3, self.norm3 = conv(channels, channels), Norm(channels)
        self.depth = depth

    def forward(self, x):
        first = F.gelu(self.norm1(F.max_pool2d(self.conv1(x), 2)))
        second = F.gelu(self.norm2(self.conv2(first)))
        return second if self.depth == 2 else F.gelu(self.norm3(self.conv3(second)) + first)


class Airbench(nn.Module):
    def __init__(self, widths, depth, scale):
        super().__init__()
        self.whiten = nn.Conv2d(3, 24, 2)
        self.whiten.weight.requires_grad = False
        self.group1 = Group(24, widths[0], depth)
        self.group2 = Group(widths[0], widths[1], depth)
        self.group3 = Group(widths[1], widths[2], depth)
        self.head = nn.Linear(widths[2], 10, bias=False)
        self.scale = scale

    def forward(self, x):
        x = self.group3(self.group2(self.group1(F.gelu(self.whiten(x)))))
        return self.head(F.max_pool2d(x, 3).flatten(1)) * self.scale


def airbench_groups(model, rate, decay):
    """Shifts of norms learn at 64 times the rate and decay by a 64th."""
    shifts = [parameter for name, parameter in model.named_parameters() if "norm" in name]
    others = [parameter for name, parameter in model.named_parameters() if "norm" not in name and parameter.requires_grad]
    return [
        {"params": shifts, "lr": 64 * rate, "weight_decay": decay / 64},
        {"params": others, "lr": rate, "weight_decay": decay},
    ]


class Lookahead:
    """Every 5 steps slow = d slow + (1 - d) fast and fast = slow, d = 0.95^5 (step / steps)^3, of statistics as well."""

    def __init__(self, model, total):
        self.model, self.total, self.slow = model, total, {}

    def values(self):
        return {name: value for name, value in self.model.state_dict().items() if value.is_floating_point()}

    def start(self):
        self.slow = {name: value.clone() for name, value in self.values().items()}

    def step(self, count):
        if count % 5 != 0:
            return
        decay = 0.95**5 * (count / self.total) ** 3
        with torch.no_grad():
            for name, fast in self.values().items():
                self.slow[name].lerp_(fast, 1 - decay)
                fast.copy_(self.slow[name])


def muon_groups(model):
    """Muon for the 3x3 windows, SGD for all else; the bias of the whitening trains for three epochs."""
    parameters = dict(model.named_parameters())
    filters = [p for name, p in parameters.items() if name.startswith("group") and name.endswith("weight")]
    shifts = [p for name, p in parameters.items() if "norm" in name]
    sgd = [
        {"params": [parameters["whiten.bias"]], "lr": 0.053, "weight_decay": 0.004 / 0.053, "whitening": True},
        {"params": shifts, "lr": 0.053, "weight_decay": 0.004 / 0.053, "whitening": False},
        {"params": [parameters["head.weight"]], "lr": 0.67, "weight_decay": 0.004 / 0.67, "whitening": False},
    ]
    return [{"muon": False, **group} for group in sgd] + [{"muon": True, "params": filters, "lr": 0.24, "whitening": False}]


class MuonAndSgd(torch.optim.Optimizer):
    """airbench94_muon's two optimizers as one. `low`: the format of the products that make a direction orthogonal."""

    def __init__(self, groups, low):
        super().__init__(groups, {})
        self.low = low

    def orthogonal(self, g):
        a, b, c = 3.4445, -4.7750, 2.0315
        flat = g.flatten(1)
        x = flat.T if flat.shape[0] > flat.shape[1] else flat
        x = x / (x.norm() + 1e-7)
        for _ in range(3):
            narrow = x.to(self.low)
            gram = narrow @ narrow.T
            x = a * x + ((b * gram + c * (gram @ gram)) @ narrow).to(x.dtype)
        return (x.T if flat.shape[0] > flat.shape[1] else x).reshape(g.shape)

    @torch.no_grad()
    def step(self, closure=None):
        for group in self.param_groups:
            momentum = 0.6 if group["muon"] else 0.85
            for p in group["params"]:
                g = p.grad if group["muon"] else p.grad + group["weight_decay"] * p
                state = self.state[p]
                state["momentum"] = momentum * state.get("momentum", 0) + g
                direction = g + momentum * state["momentum"]
                if group["muon"]:
                    p.mul_(len(p) ** 0.5 / p.norm())
                    direction = self.orthogonal(direction)
                p.sub_(group["lr"] * direction)
