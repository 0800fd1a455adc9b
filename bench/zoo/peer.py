"""PyTorch's side of bench/zoo.ts: prints {"parameters": count, "runs": {format: {"losses": [...], "statistics": {name: [...]}, "logits": [...]}}}.

Usage: python peer.py NETWORK WEIGHTS.safetensors IMAGES.bin OPTIONS FORMAT...
FORMAT is fp32, fp64, or bf16 and fp16 under autocast. OPTIONS is JSON: batch, steps, rate, momentum, smooth, threads. The records behind
those of the training steps are evaluated.
"""

import json
import sys

import torch
import torch.nn.functional as F

from networks import AUTOENCODERS, NETWORKS
from parts import Kinks
from records import batch_of, read_records
from weights import load, read_safetensors

DTYPES = {"bf16": torch.bfloat16, "fp16": torch.float16}


def train(network, weights, records, options, format):
    model = NETWORKS[network]()
    load(model, weights)
    dtype = torch.float64 if format == "fp64" else torch.float32
    model.to(dtype)
    batch, steps = options["batch"], options["steps"]
    optimizer = torch.optim.SGD(model.parameters(), lr=options["rate"], momentum=options["momentum"])
    autocast = torch.autocast("cpu", dtype=DTYPES.get(format, torch.bfloat16), enabled=format in DTYPES)
    losses = []
    model.train()
    for step in range(steps):
        images, labels = batch_of(records[step * batch : (step + 1) * batch])
        images = images.to(dtype)
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
        logits = model(batch_of(records[steps * batch :])[0].to(dtype)).to(dtype)
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
    records = read_records(images, count)
    runs = {}
    for format in formats:
        parameters, runs[format] = train(network, weights, records, options, format)
    print(json.dumps({"parameters": parameters, "runs": runs}))


main()
