"""Exports a network of torchvision for scripts/check-onnx-import.ts: check_onnx_import.py NAME SIDE EXPORTER FOLDER.

The weights are random, and those of its last layer too where torchvision starts it at zeros. Writes FOLDER/model.onnx,
FOLDER/image.bin, the bytes of an image, and FOLDER/logits.txt, what PyTorch gives for it.
"""

import os
import sys
import warnings

import numpy as np
import torch

sys.path.append(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "bench"))
from any_torchvision import torchvision  # noqa: E402

name, side, exporter, folder = sys.argv[1:]
side = int(side)
warnings.filterwarnings("ignore")
torch.manual_seed(0)
model = getattr(torchvision.models, name)(weights=None).eval()
with torch.no_grad():
    for key, tensor in model.state_dict().items():
        if not tensor.is_floating_point():
            continue
        # Nothing is neutral: norms scale and shift, statistics are not those at the start, no head is zeros.
        if key.endswith("running_var") or (tensor.dim() == 1 and key.endswith("weight")):
            tensor.mul_(1 + 0.2 * (torch.rand_like(tensor) - 0.5))
        elif tensor.dim() == 1 or key.endswith("running_mean"):
            tensor.add_(0.02 * (torch.rand_like(tensor) - 0.5))
        elif not tensor.any():
            tensor.normal_(std=0.02)
pixels = np.random.default_rng(1).integers(0, 256, (side, side, 3), dtype=np.uint8)
image = (torch.from_numpy(pixels).permute(2, 0, 1)[None].float() / 255 - 0.5) / 0.5
with torch.no_grad():
    logits = model(image)[0]
pixels.tofile(os.path.join(folder, "image.bin"))
np.savetxt(os.path.join(folder, "logits.txt"), logits.numpy())
options = {
    "script": {"dynamo": False, "dynamic_axes": {"image": {0: "batch"}}},
    "single": {"dynamo": False},
    "dynamo": {"dynamo": True, "external_data": False},
}[exporter]
try:
    torch.onnx.export(model, (image,), os.path.join(folder, "model.onnx"), input_names=["image"], output_names=["logits"], **options)
except Exception as error:  # noqa: BLE001
    sys.exit(f"torch.onnx: {str(error).splitlines()[0][:140]}")
