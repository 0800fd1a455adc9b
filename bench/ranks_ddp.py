"""PyTorch's side of ranks.ts: answers JSON lines on stdin like torch_peer.py, as one rank of DistributedDataParallel over Gloo where
WORLD_SIZE is above 1 (RANK, MASTER_ADDR and MASTER_PORT as torch.distributed reads them), else alone. Steps are in fp32 or under autocast
in bf16, on one batch in memory."""

import json
import os
import sys
import time

import torch
import torch.distributed as dist
import torch.nn.functional as F
from torch.nn.parallel import DistributedDataParallel

from torch_peer import DTYPES, OPTIMIZERS, SIDE, make_model

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
        ms = []
        for _ in range(steps):
            start = time.perf_counter()
            step()
            ms.append((time.perf_counter() - start) * 1e3)
        return ms

    run(message["warmup"])
    return run


def main():
    replies = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    run = None
    for line in sys.stdin:
        message = json.loads(line)
        try:
            if message["command"] == "prepare":
                run = prepare(message)
                reply = {"torch": torch.__version__}
            else:
                run(1)
                reply = {"ms": run(message["steps"])}
        except Exception as error:
            reply = {"error": f"{type(error).__name__}: {str(error).strip()}"}
        print(json.dumps(reply), file=replies, flush=True)


if __name__ == "__main__":
    main()
