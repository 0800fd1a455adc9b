"""Compares the logits of an exported model: check_exports.py FOLDER HEIGHT WIDTH CHANNELS, as scripts/check-exports.ts calls it."""

import importlib.util
import os
import sys

import numpy as np
import onnx
import onnxruntime
import torch

folder, *size = sys.argv[1:]
height, width, channels = map(int, size)
image = np.fromfile(os.path.join(folder, "image.bin"), np.uint8).reshape(1, height, width, channels)

spec = importlib.util.spec_from_file_location("model", os.path.join(folder, "torch", "model.py"))
module = importlib.util.module_from_spec(spec)
spec.loader.exec_module(module)
with torch.no_grad():
    expected = module.load()(torch.from_numpy(image).permute(0, 3, 1, 2))
    if expected.ndim == 4:
        expected = expected.permute(0, 2, 3, 1)
expected = expected.numpy()
scale = np.abs(expected).max()
results = [f"scale {scale:.3g}"]


def distance(logits):
    return f"{np.abs(logits.reshape(expected.shape) - expected).max() / scale:.1e}"


for precision in ("fp32", "fp16", "bf16"):
    path = os.path.join(folder, f"{precision}.onnx")
    onnx.checker.check_model(path, full_check=True)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    batch = np.repeat(image, 3, axis=0)
    logits = session.run(["logits"], {"image": batch})[0]
    results.append(f"{precision} {distance(logits[2:3])}")
if os.path.exists(os.path.join(folder, "c.txt")):
    results.append(f"c {distance(np.array(open(os.path.join(folder, 'c.txt')).read().split(), np.float32))}")
print(", ".join(results))
