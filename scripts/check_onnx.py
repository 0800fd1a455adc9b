"""The logits of images by onnxruntime: check_onnx.py MODEL IMAGES OUT COUNT HEIGHT WIDTH CHANNELS, as scripts/check-onnx.ts calls it."""

import sys

import numpy as np
import onnx
import onnxruntime

model, images, out, *shape = sys.argv[1:]
onnx.checker.check_model(model, full_check=True)
options = onnxruntime.SessionOptions()
options.intra_op_num_threads = 1
session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
batch = np.fromfile(images, np.uint8).reshape([int(size) for size in shape])
session.run(["logits"], {"image": batch})[0].astype(np.float32).tofile(out)
