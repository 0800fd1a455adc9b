"""Runs exported modules: run_models.py FOLDER..., prints a line of JSON with the name of each folder and its logits, as a list."""

import importlib.util
import json
import os
import sys

import numpy as np
import torch

torch.set_num_threads(1)
for folder in sys.argv[1:]:
    shape = json.load(open(os.path.join(folder, "shape.json")))
    image = torch.from_numpy(np.fromfile(os.path.join(folder, "image.bin"), np.uint8).reshape(shape))
    spec = importlib.util.spec_from_file_location("model", os.path.join(folder, "model.py"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    try:
        with torch.no_grad():
            logits = module.load()(image.permute(0, 3, 1, 2))
        if logits.ndim == 4:
            logits = logits.permute(0, 2, 3, 1)
        print(json.dumps([folder, logits.flatten().tolist()]).replace("-Infinity", "-1e999").replace("Infinity", "1e999"))
    except Exception as error:
        print(json.dumps([folder, f"{type(error).__name__}: {error}"]))
