"""PyTorch's side of bench/zoo.ts: prints {"parameters": count, "runs": {format: {"losses": [...], "statistics": {name: [...]}, "logits": [...]}}}.

Usage: python peer.py NETWORK WEIGHTS.safetensors IMAGES.bin OPTIONS FORMAT...
OPTIONS is JSON: batch, steps, rate, momentum, smooth, threads. The records behind those of the training steps are evaluated.
"""

import json
import sys

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F

from networks import AUTOENCODERS, NETWORKS
from parts import Kinks
from weights import read_safetensors

RECORD = 1 + 3 * 32 * 32
MEAN = torch.tensor([0.4914, 0.4822, 0.4465]).reshape(1, 3, 1, 1)
STD = torch.tensor([0.2470, 0.2435, 0.2616]).reshape(1, 3, 1, 1)
DTYPES = {"bf16": torch.bfloat16, "fp16": torch.float16}


def attention_state(name, module, weights):
    """ampc has q, k and v as layers of their own, PyTorch as thirds of one matrix."""
    part = lambda layer, kind: weights.pop(f"{name}.{layer}.{kind}")
    state = {}
    for kind, join in (("weight", lambda t: t.T), ("bias", lambda t: t)):
        state[f"in_proj_{kind}"] = torch.cat([join(part(layer, kind)) for layer in ("q", "k", "v")])
        state[f"out_proj.{kind}"] = join(part("out", kind))
    return state


def load(model, weights):
    """HWIO to OIHW (and HWOI of transposed convolutions to IOHW), [in, out] to [out, in]; every tensor of both sides must have its place."""
    weights = dict(weights)
    state = {}
    inside = set()
    for name, module in model.named_modules():
        prefix = f"{name}." if name else ""
        if isinstance(module, nn.MultiheadAttention):
            state |= {prefix + key: value for key, value in attention_state(name, module, weights).items()}
            inside.add(f"{prefix}out_proj")
            continue
        if name in inside:
            continue
        for key, _ in [*module.named_parameters(recurse=False), *module.named_buffers(recurse=False)]:
            if key == "num_batches_tracked":
                continue
            tensor = weights.pop(prefix + key)
            if key == "weight" and isinstance(module, (nn.Conv2d, nn.ConvTranspose2d)):
                tensor = tensor.permute(3, 2, 0, 1)
            elif key == "weight" and isinstance(module, nn.Linear):
                tensor = tensor.T
            state[prefix + key] = tensor.contiguous()
    if weights:
        raise ValueError(f"no place for {', '.join(weights)}")
    missing = model.load_state_dict(state, strict=False).missing_keys
    if any(not key.endswith("num_batches_tracked") for key in missing):
        raise ValueError(f"nothing for {', '.join(missing)}")


def batch_of(records):
    images = torch.from_numpy(records[:, 1:].reshape(-1, 3, 32, 32).astype(np.float32))
    return (images / 255 - MEAN) / STD, torch.from_numpy(records[:, 0].astype(np.int64))


def train(network, weights, records, options, format):
    model = NETWORKS[network]()
    load(model, weights)
    batch, steps = options["batch"], options["steps"]
    optimizer = torch.optim.SGD(model.parameters(), lr=options["rate"], momentum=options["momentum"])
    autocast = torch.autocast("cpu", dtype=DTYPES.get(format, torch.bfloat16), enabled=format in DTYPES)
    losses = []
    model.train()
    for step in range(steps):
        images, labels = batch_of(records[step * batch : (step + 1) * batch])
        optimizer.zero_grad()
        with autocast:
            result = model(images)
            result, *early = result if isinstance(result, tuple) else (result,)
            loss = F.mse_loss(result, images) if network in AUTOENCODERS else F.cross_entropy(result, labels)
            for other in early:
                loss = loss + model.aux_weight * F.cross_entropy(other, labels)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    model.eval()
    with torch.no_grad(), autocast:
        logits = model(batch_of(records[steps * batch :])[0]).float()
    if network in AUTOENCODERS:
        logits = logits.permute(0, 2, 3, 1)
    statistics = {name: value.tolist() for name, value in model.named_buffers() if "running" in name}
    parameters = sum(parameter.numel() for parameter in model.parameters())
    return parameters, {"losses": losses, "statistics": statistics, "logits": logits.flatten().tolist()}


def main():
    network, path, images, options, *formats = sys.argv[1:]
    options = json.loads(options)
    torch.set_num_threads(options["threads"])
    Kinks.smooth = options["smooth"]
    weights = read_safetensors(path)
    count = options["batch"] * (options["steps"] + 1)
    records = np.fromfile(images, dtype=np.uint8, count=count * RECORD).reshape(-1, RECORD)
    runs = {}
    for format in formats:
        parameters, runs[format] = train(network, weights, records, options, format)
    print(json.dumps({"parameters": parameters, "runs": runs}))


main()
