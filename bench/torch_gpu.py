"""PyTorch's side on a GPU, with automatic mixed precision: answers JSON lines as torch_peer.py does, whose models and optimizers it has.

Modes: eager; compile (torch.compile); graph and compile-graph (the whole step, optimizer and loss scale included, is one CUDA graph).
Where the whole step cannot be captured, forward and backward are, and the reply to `prepare` says so.
"""

import gc
import os
import sys
import time
import warnings

import torch
import torch.nn.functional as F

from torch_peer import DTYPES, OPTIMIZERS, SIDE, make_model
from torch_serve import serve

warnings.filterwarnings("ignore")

# Untimed steps on a stream of their own before a capture, as PyTorch's documentation asks for.
BEFORE_CAPTURE = 11


def make_airbench():
    """airbench94 with its groups of rates; without the average of weights, which its author keeps on the side."""
    sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "recipes"))
    from airbench import Airbench, airbench_groups

    model = Airbench((64, 256, 256), 2, 1 / 9)
    groups = airbench_groups(model, 1.5, 1.33043e-3)
    return model, lambda: torch.optim.SGD(groups, lr=1.5, momentum=0.85, nesterov=True, fused=True), 0.2


def make_network(message):
    """The module, what makes its optimizer once it is on the device, and the smoothing of labels."""
    if message["model"] == "airbench94":
        return make_airbench()
    model = make_model(message["model"])
    return model, lambda: OPTIMIZERS[message["optimizer"]](model.parameters()), 0


class Step:
    def __init__(self, message):
        self.device, dtype, self.mode = message["device"], DTYPES[message["precision"]], message["mode"]
        model, make_optimizer, smoothing = make_network(message)
        self.model = model.to(self.device, memory_format=torch.channels_last)
        self.optimizer = make_optimizer()
        batch = message["batch"]
        self.x = torch.randn(batch, 3, SIDE, SIDE, device=self.device).to(memory_format=torch.channels_last)
        self.y = torch.randint(0, 10, (batch,), device=self.device)
        self.scaler = torch.amp.GradScaler(self.device, enabled=dtype == torch.float16)
        graphed = self.mode.endswith("graph")

        def loss_of(x, y):
            with torch.autocast(self.device, dtype=dtype, enabled=dtype != torch.float32, cache_enabled=not graphed):
                return F.cross_entropy(self.model(x), y, label_smoothing=smoothing)

        self.loss_of = torch.compile(loss_of) if self.mode.startswith("compile") else loss_of

    def gradients(self):
        self.optimizer.zero_grad(set_to_none=True)
        self.scaler.scale(self.loss_of(self.x, self.y)).backward()

    def update(self):
        self.scaler.step(self.optimizer)
        self.scaler.update()

    def whole(self):
        self.gradients()
        self.update()

    def captured(self, work):
        """Replays `work` from now on. The optimizer's own states were made by the steps before."""
        graph = torch.cuda.CUDAGraph()
        self.optimizer.zero_grad(set_to_none=True)
        with torch.cuda.graph(graph):
            work()
        return graph.replay

    def ready(self):
        """What one step is, and what there is to say of it."""
        if not self.mode.endswith("graph"):
            return self.whole, None
        for group in self.optimizer.param_groups:
            if "capturable" in group:
                group["capturable"] = True
        stream = torch.cuda.Stream()
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            for _ in range(BEFORE_CAPTURE):
                self.whole()
        torch.cuda.current_stream().wait_stream(stream)
        torch.cuda.synchronize()
        try:
            return self.captured(self.whole), None
        except Exception as error:
            torch.cuda.synchronize()
            said = f"the optimizer is outside of the graph: {type(error).__name__}"
        replay = self.captured(self.gradients)

        def step():
            replay()
            self.update()

        return step, said


def prepare(message):
    device = message["device"]
    if device == "cuda" and not torch.cuda.is_available():
        raise RuntimeError("torch finds no CUDA device")
    gc.collect()
    if device == "cuda":
        torch.cuda.empty_cache()
    torch.manual_seed(0)
    torch.backends.cudnn.benchmark = True
    torch.set_float32_matmul_precision("high")
    work, note = Step(message).ready()

    def wait():
        if device == "cuda":
            torch.cuda.synchronize()

    def row(steps):
        wait()
        start = time.perf_counter()
        for _ in range(steps):
            work()
        wait()
        return (time.perf_counter() - start) * 1e3 / steps

    row(message["warmup"])

    def run(steps):
        length = min(message["row"], steps)
        return [row(length) for _ in range(0, steps, length)]

    run.reply = {"note": note, "device": torch.cuda.get_device_name() if device == "cuda" else "cpu"}
    return run


if __name__ == "__main__":
    serve(prepare)
