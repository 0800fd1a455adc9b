"""PyTorch's side of compare-pytorch-losses.ts: prints {"torch": version, "losses": {run: [loss of each step]}}.

Usage: python losses_torch.py WEIGHTS.safetensors BATCH.bin IMAGES_PER_STEP STEPS RUN...
Runs: fp32, fp16, bf16; fp32-nudged, whose initial weights are moved by at most one unit in the last place; fp32-native, without oneDNN.
"""

import json
import sys

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F

from zoo.weights import read_safetensors

DTYPES = {"fp16": torch.float16, "bf16": torch.bfloat16}
RECORD = 1 + 3 * 32 * 32


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


def to_torch(name, tensor):
    """HWIO to OIHW, [in, out] to [out, in], and the inputs of fc1 from the order HWC to CHW."""
    if tensor.dim() == 4:
        return tensor.permute(3, 2, 0, 1).contiguous()
    if name == "fc1.weight":
        tensor = tensor.reshape(8, 8, 64, 128).permute(2, 0, 1, 3).reshape(4096, 128)
    return tensor.T.contiguous() if tensor.dim() == 2 else tensor


def train(weights, records, batch, steps, run):
    precision, _, variant = run.partition("-")
    model = SimpleCNN()
    model.load_state_dict({name: to_torch(name, weights[name]) for name in model.state_dict()})
    if variant == "nudged":
        torch.manual_seed(0)
        with torch.no_grad():
            for parameter in model.parameters():
                parameter.mul_(1 + (torch.rand_like(parameter) * 2 - 1) * 2**-23)
    torch.backends.mkldnn.enabled = variant != "native"
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    dtype = DTYPES.get(precision)
    scaler = torch.amp.GradScaler("cpu", enabled=dtype == torch.float16)
    losses = []
    for step in range(steps):
        part = records[step * batch : (step + 1) * batch]
        images = torch.from_numpy(part[:, 1:].reshape(-1, 3, 32, 32).astype(np.float32))
        labels = torch.from_numpy(part[:, 0].astype(np.int64))
        optimizer.zero_grad()
        with torch.autocast("cpu", dtype=dtype or torch.bfloat16, enabled=dtype is not None):
            loss = F.cross_entropy(model((images / 255 - 0.5) / 0.5), labels)
        scaler.scale(loss).backward()
        scaler.step(optimizer)
        scaler.update()
        losses.append(loss.item())
    return losses


def main():
    weights, images, batch, steps, *runs = sys.argv[1:]
    batch, steps = int(batch), int(steps)
    torch.set_num_threads(1)
    tensors = read_safetensors(weights)
    records = np.fromfile(images, dtype=np.uint8, count=batch * steps * RECORD).reshape(-1, RECORD)
    losses = {run: train(tensors, records, batch, steps, run) for run in runs}
    print(json.dumps({"torch": torch.__version__, "losses": losses}))


main()
