"""PyTorch's side of ranks.ts: as one rank of DistributedDataParallel over Gloo where
WORLD_SIZE is above 1 (RANK, MASTER_ADDR and MASTER_PORT as torch.distributed reads them), else alone. Steps are in fp32 or under autocast
in bf16, on one batch in memory."""

import os

import torch
import torch.distributed as dist
import torch.nn.functional as F
from torch.nn.parallel import DistributedDataParallel

from torch_peer import DTYPES, OPTIMIZERS, SIDE, make_model, time_each
from torch_serve import serve

SIZE = int(os.environ["WORLD_SIZE"])


def prepare(message):
    torch.manual_seed(0)
    torch.set_num_threads(message["threads"])
    if SIZE > 1:
        dist.init_process_group("gloo")
    batch, dtype = message["batch"], DTYPES[message["precision"]]
    model = make_model(message["model"]).to(memory_format=torch.channels_last)
    optimizer = OPTIMIZERS[message["optimizer"]](model.parameters())
    if SIZE > 1:
        model = DistributedDataParallel(model)
    x = torch.randn(batch, 3, SIDE, SIDE).to(memory_format=torch.channels_last)
    labels = torch.randint(0, 10, (batch,))

    def step():
        optimizer.zero_grad(set_to_none=True)
        with torch.autocast("cpu", dtype=dtype, enabled=dtype != torch.float32):
            loss = F.cross_entropy(model(x), labels)
        loss.backward()
        optimizer.step()

    def run(steps):
        step()
        return time_each(steps, step)

    time_each(message["warmup"], step)
    return run


if __name__ == "__main__":
    serve(prepare)
