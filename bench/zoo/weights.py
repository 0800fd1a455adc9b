"""Reads the weights that ampc writes."""

import json
import struct

import numpy as np
import torch


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
