"""Reads the weights that ampc writes, and puts them in their places in a module of PyTorch."""

import json
import struct

import numpy as np
import torch
import torch.nn as nn


def read_safetensors(path):
    """The f32 tensors of a safetensors file by name."""
    with open(path, "rb") as file:
        content = file.read()
    (length,) = struct.unpack("<Q", content[:8])
    tensors = {}
    for name, entry in json.loads(content[8 : 8 + length]).items():
        if name == "__metadata__" or entry["dtype"] != "F32":
            continue
        first, end = entry["data_offsets"]
        data = np.frombuffer(content[8 + length + first : 8 + length + end], dtype="<f4")
        tensors[name] = torch.from_numpy(data.copy()).reshape(entry["shape"])
    return tensors


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
