"""PyTorch's side: answers JSON lines on stdin, see peer.ts. The models and recipes are those of examples/*.amp."""

import os
import resource
import sys
import time
import warnings

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F

from torch_serve import serve

warnings.filterwarnings("ignore")

DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}
SIDE = 32
PADDING = 4


class SimpleCNN(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 32, 3, padding=1)
        self.conv2 = nn.Conv2d(32, 64, 3, padding=1)
        self.fc1 = nn.Linear(64 * 8 * 8, 128)
        self.fc2 = nn.Linear(128, 10)

    def forward(self, x):
        x = F.relu(F.max_pool2d(self.conv1(x), 2))
        x = F.relu(F.max_pool2d(self.conv2(x), 2))
        return self.fc2(F.relu(self.fc1(torch.flatten(x, 1))))


class Residual(nn.Module):
    def __init__(self, inputs, channels, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, channels, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)
        self.shortcut = None
        if stride != 1 or inputs != channels:
            self.shortcut = nn.Sequential(nn.Conv2d(inputs, channels, 1, stride, bias=False), nn.BatchNorm2d(channels))

    def forward(self, x):
        y = F.relu(self.bn1(self.conv1(x)))
        y = self.bn2(self.conv2(y))
        return F.relu(y + (x if self.shortcut is None else self.shortcut(x)))


class ResNet18(nn.Module):
    def __init__(self, width=64):
        super().__init__()
        self.conv1 = nn.Conv2d(3, width, 3, 1, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        blocks, inputs = [], width
        for stage in range(4):
            for block in range(2):
                channels = width << stage
                blocks.append(Residual(inputs, channels, 2 if stage > 0 and block == 0 else 1))
                inputs = channels
        self.blocks = nn.Sequential(*blocks)
        self.fc = nn.Linear(inputs, 10)

    def forward(self, x):
        x = self.blocks(F.relu(self.bn1(self.conv1(x))))
        return self.fc(x.mean((2, 3)))


def make_model(name):
    """A file of examples by its name; those of the zoo stand in zoo/networks.py, the record in recipes/airbench.py."""
    here = os.path.dirname(os.path.abspath(__file__))
    if name.startswith("zoo/"):
        sys.path.insert(0, os.path.join(here, "zoo"))
        from networks import NETWORKS

        return NETWORKS[name[len("zoo/") :]]()
    if name == "airbench94":
        sys.path.insert(0, os.path.join(here, "recipes"))
        from airbench import Airbench

        return Airbench((64, 256, 256), 2, 1 / 9)
    return {"simple-cnn": SimpleCNN, "resnet18": ResNet18}[name]()


OPTIMIZERS = {
    "adam": lambda parameters: torch.optim.Adam(parameters, lr=1e-3, fused=True),
    "adamw": lambda parameters: torch.optim.AdamW(parameters, lr=1e-3, weight_decay=0.05, fused=True),
    "sgd": lambda parameters: torch.optim.SGD(parameters, lr=0.1, momentum=0.9, nesterov=True, weight_decay=5e-4, fused=True),
}


def crop_and_flip(images, index):
    """A batch of u8 NHWC with random crops out of a zero border and random mirroring, as channels-last NCHW."""
    count = len(index)
    down = np.random.randint(-PADDING, PADDING + 1, count).tolist()
    right = np.random.randint(-PADDING, PADDING + 1, count).tolist()
    mirrored = (np.random.rand(count) < 0.5).tolist()
    # A pixel is one element of three bytes: rows are then copied in runs, and mirrored in elements.
    batch = np.zeros((count, SIDE, SIDE), dtype="V3")
    for slot, source in enumerate(index.tolist()):
        dy, dx = down[slot], right[slot]
        window = batch[slot, :, ::-1] if mirrored[slot] else batch[slot]
        window[max(0, -dy) : SIDE - max(0, dy), max(0, -dx) : SIDE - max(0, dx)] = images[
            source, max(0, dy) : SIDE - max(0, -dy), max(0, dx) : SIDE - max(0, -dx)
        ]
    return torch.from_numpy(batch.view(np.uint8).reshape(count, SIDE, SIDE, 3)).permute(0, 3, 1, 2)


def time_each(repeats, work):
    ms = []
    for _ in range(repeats):
        start = time.perf_counter()
        work()
        ms.append((time.perf_counter() - start) * 1e3)
    return ms


def prepare(message):
    torch.manual_seed(0)
    np.random.seed(0)
    torch.set_num_threads(message["threads"])
    kind, batch = message["kind"], message["batch"]
    dtype = DTYPES[message["precision"]]
    compiled = message["mode"] == "compile"
    model = make_model(message["model"]).to(memory_format=torch.channels_last)
    labels = torch.randint(0, 10, (batch,))

    def loss_of(x, y):
        with torch.autocast("cpu", dtype=dtype, enabled=dtype != torch.float32):
            return F.cross_entropy(model(x), y)

    def evaluate(x, y):
        with torch.autocast("cpu", dtype=dtype, enabled=dtype != torch.float32):
            logits = model(x)
            return logits, F.cross_entropy(logits, y), (logits.argmax(1) == y).sum()

    if compiled:
        if kind == "eval":
            from torch._inductor import config

            config.freezing = True
        loss_of, evaluate = torch.compile(loss_of), torch.compile(evaluate)

    if kind != "epoch":
        x = torch.randn(batch, 3, SIDE, SIDE).to(memory_format=torch.channels_last)

    if kind == "eval":
        model.eval()

        def work():
            with torch.no_grad():
                evaluate(x, labels)

    else:
        optimizer = OPTIMIZERS[message["optimizer"]]([p for p in model.parameters() if p.requires_grad])
        scaler = torch.amp.GradScaler("cpu") if dtype == torch.float16 else None

        def step(x, y):
            optimizer.zero_grad(set_to_none=True)
            loss = loss_of(x, y)
            if scaler is None:
                loss.backward()
                optimizer.step()
            else:
                scaler.scale(loss).backward()
                scaler.step(optimizer)
                scaler.update()

        if kind == "step":

            def work():
                step(x, labels)

        else:
            images = np.random.randint(0, 256, (message["images"], SIDE, SIDE, 3), dtype=np.uint8).view("V3")[..., 0]
            targets = torch.randint(0, 10, (message["images"],))
            batches = min(message["batches"], message["images"] // batch)

            def train_batch(index):
                x = crop_and_flip(images, index).float().mul_(2 / 255).sub_(1)
                step(x, targets[index])

            def work():
                order = torch.randperm(message["images"])
                for first in range(0, batches * batch, batch):
                    train_batch(order[first : first + batch])

    def warm_up():
        if kind == "epoch":
            for _ in range(message["warmup"]):
                train_batch(torch.randint(0, message["images"], (batch,)))
        else:
            time_each(message["warmup"], work)

    warm_up()

    def run(repeats):
        if kind != "epoch":
            work()
        return time_each(repeats, work)

    return run


def peak_rss():
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


if __name__ == "__main__":
    serve(prepare, memory=lambda: {"peak_rss": peak_rss()})
