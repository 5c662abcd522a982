"""Trains EfficientNet-Lite0 at 224 px by a plain PyTorch recipe until val exact match reaches a goal: the peer.

    python recipe.py DATASET WEIGHTS GOAL

Prints a line an epoch: seconds since the program began but for those of validation, val exact match of the network, and
of its moving average.
AdamW 1e-3, weight decay 0.05, warm-up of an epoch and a half cosine over 12, random resized crops of half to all of the
area, flips and quarter turns, binary cross-entropy, moving average 0.995, bf16, channels-last. Photographs are decoded once.
"""

import time

began = time.perf_counter()

import copy
import csv
import math
import pathlib
import sys

import timm
import torch
from PIL import Image
from safetensors.torch import load_file
from torch.nn import functional
from torchvision.transforms import InterpolationMode, RandomResizedCrop, functional as pictures

dataset, weights, goal = pathlib.Path(sys.argv[1]), sys.argv[2], float(sys.argv[3])
EPOCHS, BATCH, SIZE = 12, 32, 224
torch.manual_seed(0)
torch.set_num_threads(2)


def split(name):
    rows = list(csv.DictReader(open(dataset / f"{name}_label.csv")))
    shown = [set(row["labels"].split()) for row in rows]
    images = [torch.from_numpy(pixels(dataset / name / "images" / row["images"])) for row in rows]
    return images, shown


def pixels(path):
    import numpy

    return numpy.array(Image.open(path).convert("RGB")).transpose(2, 0, 1)


def varied(image):
    top, left, height, width = RandomResizedCrop.get_params(image, (0.5, 1.0), (3 / 4, 4 / 3))
    size = [SIZE, SIZE]
    image = pictures.resized_crop(image, top, left, height, width, size, InterpolationMode.BILINEAR, antialias=True)
    image = torch.rot90(image, int(torch.randint(4, ())), (1, 2))
    return image.flip(2) if torch.rand(()) < 0.5 else image


def plain(image):
    return pictures.resize(image, [SIZE, SIZE], InterpolationMode.BILINEAR, antialias=True)


def batch(images):
    stacked = torch.stack(images).float().div(255).sub(0.5).div(0.5)
    return stacked.contiguous(memory_format=torch.channels_last)


def bf16():
    return torch.autocast("cpu", dtype=torch.bfloat16)


def exact_match(network, images, targets):
    network.eval()
    right = 0
    with torch.inference_mode(), bf16():
        for start in range(0, len(images), BATCH):
            logits = network(batch(images[start : start + BATCH])).float()
            right += ((logits >= 0) == targets[start : start + BATCH].bool()).all(1).sum().item()
    return right / len(images)


def main():
    (train, shown), (val, val_shown) = split("train"), split("val")
    labels = sorted(set().union(*shown))
    encode = lambda sets: torch.tensor([[float(label in one) for label in labels] for one in sets])
    targets, val_targets = encode(shown), encode(val_shown)
    val = [plain(image) for image in val]

    network = timm.create_model("efficientnet_lite0", num_classes=len(labels))
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.eps = 1e-3
    given = {name: tensor for name, tensor in load_file(weights).items() if not name.startswith("classifier.")}
    missing, strange = network.load_state_dict(given, strict=False)
    assert not strange and all(name.startswith("classifier.") or "num_batches" in name for name in missing), missing
    network = network.to(memory_format=torch.channels_last)
    average = copy.deepcopy(network)
    optimizer = torch.optim.AdamW(network.parameters(), 1e-3, weight_decay=0.05)
    steps = math.ceil(len(train) / BATCH)
    rate = lambda step: min((step + 1) / steps, 0.5 + 0.5 * math.cos(math.pi * max(step - steps, 0) / (steps * (EPOCHS - 1))))
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, rate)

    watching = 0.0
    for _ in range(EPOCHS):
        network.train()
        for places in torch.randperm(len(train)).split(BATCH):
            with bf16():
                logits = network(batch([varied(train[place]) for place in places]))
            loss = functional.binary_cross_entropy_with_logits(logits.float(), targets[places])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            with torch.no_grad():
                for mine, new in zip(average.state_dict().values(), network.state_dict().values()):
                    if mine.is_floating_point():
                        mine.lerp_(new, 0.005)
        seconds = time.perf_counter() - began - watching
        reached = [exact_match(network, val, val_targets), exact_match(average, val, val_targets)]
        print(f"{seconds:.1f} {reached[0]:.4f} {reached[1]:.4f}", flush=True)
        if max(reached) >= goal:
            break
        watching = time.perf_counter() - began - seconds


main()
