"""The other side of `beside.rs`: PyTorch, timm and pytorch-grad-cam, f32, on a CPU.

    python peer.py (train|infer|cam) NETWORK PHOTOGRAPHS (nchw|channels_last)

For every line that comes in: one step, and its seconds as a line. When no more come: the most memory held, in KiB.
"""

import os
import resource
import sys
import time

import timm
import torch

part, name, count, layout = sys.argv[1:]
torch.set_num_threads(int(os.environ.get("PLANTPIPE_THREADS", "2")))
layout = torch.channels_last if layout == "channels_last" else torch.contiguous_format
model = timm.create_model(name, num_classes=6).to(memory_format=layout).train(part == "train")
x = torch.randn(int(count), 3, 224, 224).contiguous(memory_format=layout)
y = torch.zeros(int(count), 6)

if part == "train":
    optimizer = torch.optim.SGD(model.parameters(), 0.01, momentum=0.9)

    def step():
        optimizer.zero_grad()
        torch.nn.functional.binary_cross_entropy_with_logits(model(x), y).backward()
        optimizer.step()

elif part == "infer":

    def step():
        with torch.inference_mode():
            model(x)

else:
    from pytorch_grad_cam import GradCAM
    from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget

    def tokens_as_planes(tokens):
        side = int((tokens.shape[1] - 1) ** 0.5)
        return tokens[:, 1:].reshape(len(tokens), side, side, -1).permute(0, 3, 1, 2)

    if name.startswith("vit"):
        cam = GradCAM(model, [model.blocks[-1].norm1], reshape_transform=tokens_as_planes)
    else:
        cam = GradCAM(model, [model.layer4[-1] if name.startswith("resnet") else model.bn2])

    def step():
        # A map of each of three labels; grad-cam goes the whole way for each.
        for label in range(3):
            cam(input_tensor=x, targets=[ClassifierOutputTarget(label)] * len(x))


for _ in sys.stdin:
    start = time.perf_counter()
    step()
    print(time.perf_counter() - start, flush=True)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, flush=True)
