"""Images of CIFAR-10 as the networks see them."""

import numpy as np
import torch

RECORD = 1 + 3 * 32 * 32
MEAN = torch.tensor([0.4914, 0.4822, 0.4465]).reshape(1, 3, 1, 1)
STD = torch.tensor([0.2470, 0.2435, 0.2616]).reshape(1, 3, 1, 1)


def read_records(path, count):
    """The first records of one of CIFAR-10's binary files."""
    return np.fromfile(path, dtype=np.uint8, count=count * RECORD).reshape(-1, RECORD)


def batch_of(records):
    """Images and labels."""
    images = torch.from_numpy(records[:, 1:].reshape(-1, 3, 32, 32).astype(np.float32))
    return (images / 255 - MEAN) / STD, torch.from_numpy(records[:, 0].astype(np.int64))
