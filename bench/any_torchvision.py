"""torchvision, also a build whose compiled operators do not fit this torch: `from any_torchvision import torchvision`."""

import sys

import torch

try:
    import torchvision
except RuntimeError:
    # What the benchmarks and checks use needs none of the operators, but the import looks for these.
    for operator in ("nms", "qnms"):
        torch.library.define(f"torchvision::{operator}", "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    for module in [module for module in sys.modules if module.startswith("torchvision")]:
        del sys.modules[module]
    import torchvision

__all__ = ["torchvision"]
