"""How PyTorch's sides of the benchmarks answer: JSON lines on stdin with JSON lines on stdout, see peer.ts."""

import json
import os
import sys

import torch


def serve(prepare, **others):
    """`prepare` of a message gives what `run` then calls with the number of steps; it gives milliseconds, or a dict with them. What it has
    as `reply` is told at once. `others`: further commands, by name."""
    # Replies go to the real stdout; whatever a library prints does not.
    replies = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    run = None
    for line in sys.stdin:
        message = json.loads(line)
        command = message["command"]
        try:
            if command == "prepare":
                # What was timed before is given back first: a device may not hold both.
                run = None
                run = prepare(message)
                reply = {"torch": torch.__version__, "python": sys.version.split()[0], **getattr(run, "reply", {})}
            elif command == "run":
                found = run(message["steps"])
                reply = found if isinstance(found, dict) else {"ms": found}
            elif command in others:
                reply = others[command]()
            else:
                raise ValueError(f"cannot {command}")
        except Exception as error:
            text = str(error).strip()
            reply = {"error": f"{type(error).__name__}: {text.splitlines()[0] if text else ''}"}
        print(json.dumps(reply), file=replies, flush=True)
