"""PyTorch's side of bench/zoo-accuracy.ts: trains a network on CIFAR-10 and prints {"accuracy": share, "loss": test loss, "seconds": s}.

Usage: python accuracy.py NETWORK FOLDER OPTIONS
FOLDER holds data_batch_1.bin to data_batch_5.bin and test_batch.bin. OPTIONS is JSON: epochs, batch, seed, precision, threads, optimizer (kind,
lr, weightDecay and what the kind has) and warmup, the share of the run in which the rate of OneCycleLR goes up. Weights start as PyTorch
starts them.
"""

import json
import os
import sys
import time

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F

from networks import NETWORKS
from parts import Chance

MEAN = torch.tensor([0.4914, 0.4822, 0.4465]).reshape(1, 3, 1, 1)
STD = torch.tensor([0.2470, 0.2435, 0.2616]).reshape(1, 3, 1, 1)
DTYPES = {"bf16": torch.bfloat16, "fp16": torch.float16}
SIDE, PADDING = 32, 4


def read(folder, names):
    """Images as u8 [count, height, width, 3], and labels."""
    rows = np.concatenate([np.fromfile(os.path.join(folder, name), np.uint8).reshape(-1, 3073) for name in names])
    images = rows[:, 1:].reshape(-1, 3, SIDE, SIDE).transpose(0, 2, 3, 1)
    return torch.from_numpy(np.ascontiguousarray(images)), torch.from_numpy(rows[:, 0].astype(np.int64))


def normalized(images):
    """Channels last, as convolutions here are fastest."""
    return (images.permute(0, 3, 1, 2).float() / 255 - MEAN) / STD


def crop_and_flip(padded, index):
    """Of images with a border of zeros: a window at a random place, every second mirrored."""
    count = len(index)
    rows = torch.randint(0, 2 * PADDING + 1, (count, 1)) + torch.arange(SIDE)
    columns = torch.randint(0, 2 * PADDING + 1, (count, 1)) + torch.arange(SIDE)
    columns = torch.where(torch.rand(count, 1) < 0.5, columns.flip(1), columns)
    return padded[index[:, None, None], rows[:, :, None], columns[:, None, :]]


def decaying(model):
    """The weights of layers, and everything else."""
    kinds = (nn.Conv2d, nn.Linear)
    weights = {id(module.weight) for module in model.modules() if isinstance(module, kinds)}
    parameters = list(model.parameters())
    return [p for p in parameters if id(p) in weights], [p for p in parameters if id(p) not in weights]


def make_optimizer(model, spec):
    weights, others = decaying(model)
    groups = [{"params": weights, "weight_decay": spec["weightDecay"]}, {"params": others, "weight_decay": 0}]
    if spec["kind"] == "sgd":
        return torch.optim.SGD(groups, lr=spec["lr"], momentum=spec["momentum"], nesterov=spec["nesterov"], fused=True)
    return torch.optim.AdamW(groups, lr=spec["lr"], betas=(spec["beta1"], spec["beta2"]), eps=spec["eps"], fused=True)


def train(model, folder, options, autocast):
    images, labels = read(folder, [f"data_batch_{i}.bin" for i in range(1, 6)])
    padded = F.pad(images, (0, 0, PADDING, PADDING, PADDING, PADDING))
    batch, epochs = options["batch"], options["epochs"]
    optimizer = make_optimizer(model, options["optimizer"])
    steps = epochs * -(-len(labels) // batch)
    rates = {"max_lr": options["optimizer"]["lr"], "pct_start": options["warmup"], "cycle_momentum": False}
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, total_steps=steps, **rates)
    model.train()
    for _ in range(epochs):
        for index in torch.randperm(len(labels)).split(batch):
            optimizer.zero_grad()
            with autocast:
                loss = F.cross_entropy(model(normalized(crop_and_flip(padded, index))), labels[index])
            loss.backward()
            optimizer.step()
            schedule.step()


def evaluate(model, folder, autocast):
    images, labels = read(folder, ["test_batch.bin"])
    model.eval()
    with torch.no_grad(), autocast:
        logits = torch.cat([model(normalized(part)).float() for part in images.split(500)])
    return (logits.argmax(1) == labels).float().mean().item(), F.cross_entropy(logits, labels).item()


def main():
    network, folder, options = sys.argv[1:]
    options = json.loads(options)
    torch.manual_seed(options["seed"])
    torch.set_num_threads(options["threads"])
    Chance.on = True
    start = time.perf_counter()
    autocast = torch.autocast("cpu", dtype=DTYPES.get(options["precision"], torch.bfloat16), enabled=options["precision"] in DTYPES)
    model = NETWORKS[network]().to(memory_format=torch.channels_last)
    train(model, folder, options, autocast)
    accuracy, loss = evaluate(model, folder, autocast)
    print(json.dumps({"accuracy": accuracy, "loss": loss, "seconds": time.perf_counter() - start}))


main()
