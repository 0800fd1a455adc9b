"""PyTorch's side of bench/data/run.ts: a DataLoader with torchvision's transforms. Answers JSON lines on stdin, see ../peer.ts."""

import os
import sys
import time
import warnings

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch.utils.data import DataLoader, Dataset, Subset

sys.path.append(os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from any_torchvision import torchvision  # noqa: E402, F401
from torch_serve import serve  # noqa: E402
from torchvision import transforms  # noqa: E402
from torchvision.datasets import ImageFolder  # noqa: E402

warnings.filterwarnings("ignore")

MEAN, STD = (0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616)


class Cifar(Dataset):
    """The published binary files; each image is made a PIL image, as torchvision.datasets.CIFAR10 does."""

    def __init__(self, folder, transform):
        rows = [np.fromfile(os.path.join(folder, f"data_batch_{i}.bin"), np.uint8).reshape(-1, 3073) for i in range(1, 6)]
        rows = np.concatenate(rows)
        self.labels = rows[:, 0].tolist()
        self.images = np.ascontiguousarray(rows[:, 1:].reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1))
        self.transform = transform

    def __len__(self):
        return len(self.labels)

    def __getitem__(self, index):
        return self.transform(Image.fromarray(self.images[index])), self.labels[index]


def cutout(side):
    """A square at a random place, blanked; torchvision has it as random erasing of one size."""
    share = (side / 32) ** 2
    return transforms.RandomErasing(p=1, scale=(share, share), ratio=(1, 1), value=0)


def make_set(message):
    last = [transforms.ToTensor(), transforms.Normalize(MEAN, STD)]
    if message["set"] == "cifar":
        first = [transforms.RandomHorizontalFlip(), transforms.RandomCrop(32, padding=4)]
        return Cifar(message["folder"], transforms.Compose(first + last + [cutout(16)]))
    first = [transforms.RandomResizedCrop(64, scale=(0.08, 1)), transforms.RandomHorizontalFlip()]
    return ImageFolder(message["folder"], transforms.Compose(first + last))


def prepare(message):
    torch.manual_seed(0)
    torch.set_num_threads(message["threads"])
    data, batch = make_set(message), message["batch"]
    dtype = {"fp32": torch.float32, "bf16": torch.bfloat16}[message["precision"]]
    step = None
    if message["trains"]:
        from torch_peer import ResNet18

        model = ResNet18().to(memory_format=torch.channels_last)
        optimizer = torch.optim.SGD(model.parameters(), lr=1e-3, momentum=0.9, nesterov=True, weight_decay=5e-4, fused=True)

        def step(x, y):
            optimizer.zero_grad(set_to_none=True)
            with torch.autocast("cpu", dtype=dtype, enabled=dtype != torch.float32):
                loss = F.cross_entropy(model(x.to(memory_format=torch.channels_last)), y)
            loss.backward()
            optimizer.step()

    def epoch(batches):
        chosen = Subset(data, torch.randperm(len(data))[: batches * batch].tolist())
        return DataLoader(chosen, batch_size=batch, shuffle=True, num_workers=message["workers"], drop_last=True)

    def run(batches):
        # Starting its processes is not counted, for in a run it happens once an epoch, nor what they had ready by then.
        ahead = 1 + 2 * message["workers"]
        batches_of = iter(epoch(batches + ahead))
        for _ in range(ahead):
            next(batches_of)
        waited, start = 0.0, time.perf_counter()
        for _ in range(batches):
            asked = time.perf_counter()
            x, y = next(batches_of)
            waited += time.perf_counter() - asked
            if step is not None:
                step(x, y)
        return {"ms": [(time.perf_counter() - start) * 1e3], "wait_ms": waited * 1e3}

    run(2)
    return run


serve(prepare)
