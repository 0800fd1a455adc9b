"""PyTorch's side of bench/recipes.ts: prints {run: [loss of each step]}.

Usage: python peer.py RECIPE WEIGHTS.safetensors IMAGES.bin OPTIONS RUN...
OPTIONS is JSON: batch, steps, per_epoch and total, the optimizer steps of an epoch and of the whole run, and threads.
Runs: fp32, bf16 and fp16 under autocast, fp64, and fp32-nudged, whose initial weights are moved by at most one unit in the last place.
fp16 of a recipe in HALF is a module in half, but for its norms, without autocast and without a loss scale.
"""

import json
import sys
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

sys.path.insert(0, str(Path(__file__).parent.parent / "zoo"))

from networks import NETWORKS  # noqa: E402
from records import batch_of, read_records  # noqa: E402
from weights import load, read_safetensors  # noqa: E402

sys.path.insert(0, str(Path(__file__).parent))

from airbench import Airbench, Lookahead, MuonAndSgd, airbench_groups, muon_groups  # noqa: E402

DTYPES = {"bf16": torch.bfloat16, "fp16": torch.float16}


def airbench(widths, depth, rate, decay):
    """Steps of airbench: SGD with other numbers for the shifts of norms, lines between points as rates, and lookahead."""

    def make(options):
        model = Airbench(widths, depth, 1 / 9)
        optimizer = torch.optim.SGD(airbench_groups(model, rate, decay), lr=rate, momentum=0.85, nesterov=True)
        points = [0, int(0.23 * options["total"]), options["total"]]
        scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: np.interp(step, points, [0.2, 1, 0.07]))
        return model, optimizer, scheduler, Lookahead(model, options["total"]), 0.2

    return make


def airbench_muon(options):
    model = Airbench((64, 256, 256), 2, 1 / 256)
    groups = muon_groups(model)
    optimizer = MuonAndSgd(groups, options["low"])
    total, whitening = options["total"], 3 * options["per_epoch"]
    lines = [lambda step, end=whitening if group["whitening"] else total: max(0, 1 - step / end) for group in groups]
    return model, optimizer, torch.optim.lr_scheduler.LambdaLR(optimizer, lines), None, 0.2


def resnet18(options):
    model = NETWORKS["resnet-18"]()
    weights = [p for p in model.parameters() if p.dim() > 1]
    others = [p for p in model.parameters() if p.dim() <= 1]
    groups = [{"params": weights, "weight_decay": 5e-4}, {"params": others, "weight_decay": 0}]
    optimizer = torch.optim.SGD(groups, lr=0.2, momentum=0.9, nesterov=True)
    scheduler = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, max_lr=0.2, total_steps=options["total"], pct_start=0.25, div_factor=10, final_div_factor=1000, cycle_momentum=False
    )
    return model, optimizer, scheduler, None, 0.1


RECIPES = {
    "airbench94": airbench((64, 256, 256), 2, 1.5, 1.33043e-3),
    "airbench94-half": airbench((64, 256, 256), 2, 1.46484e-3, 1.36237),
    "airbench96": airbench((128, 384, 512), 3, 1.17391, 1.33333e-3),
    "airbench94-muon": airbench_muon,
    "resnet18-94": resnet18,
}
# Recipes that minimise the sum over the images of a step; what is reported is the mean.
SUMMED = {"airbench94-half", "airbench94-muon"}
HALF = {"airbench94-half"}


def train(recipe, weights, records, options, run):
    precision, _, variant = run.partition("-")
    batch = options["batch"]
    low = DTYPES.get(precision, torch.float64 if precision == "fp64" else torch.float32)
    model, optimizer, scheduler, lookahead, smoothing = RECIPES[recipe]({**options, "low": low})
    terms = batch if recipe in SUMMED else 1
    load(model, weights)
    is_half = precision == "fp16" and recipe in HALF
    dtype = torch.float64 if precision == "fp64" else torch.float16 if is_half else torch.float32
    model.to(dtype)
    if is_half:
        for norm in model.modules():
            if isinstance(norm, torch.nn.BatchNorm2d):
                norm.float()
    if variant == "nudged":
        torch.manual_seed(0)
        with torch.no_grad():
            for parameter in model.parameters():
                parameter.mul_(1 + (torch.rand_like(parameter) * 2 - 1) * 2**-23)
    if lookahead is not None:
        lookahead.start()
    autocast = torch.autocast("cpu", dtype=DTYPES.get(precision, torch.bfloat16), enabled=precision in DTYPES and not is_half)
    scaler = torch.amp.GradScaler("cpu", enabled=precision == "fp16" and not is_half)
    losses = []
    model.train()
    for step in range(options["steps"]):
        images, labels = batch_of(records[step * batch : (step + 1) * batch])
        optimizer.zero_grad()
        with autocast:
            loss = F.cross_entropy(model(images.to(dtype)).to(torch.float32 if is_half else dtype), labels, label_smoothing=smoothing)
        scaler.scale(loss * terms).backward()
        scaler.step(optimizer)
        scaler.update()
        scheduler.step()
        if lookahead is not None:
            lookahead.step(step + 1)
        losses.append(loss.item())
    return losses


def main():
    recipe, path, images, options, *runs = sys.argv[1:]
    options = json.loads(options)
    torch.set_num_threads(options["threads"])
    weights = read_safetensors(path)
    records = read_records(images, options["batch"] * options["steps"])
    print(json.dumps({run: train(recipe, weights, records, options, run) for run in runs}))


main()
