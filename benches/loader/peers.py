"""Packs a folder of JPEGs and reads them back decoded, shuffled, in batches of 32, with two workers: one of the peers.

    python peers.py webdataset|mindrecord FOLDER

Prints photographs a second: of packing, and of reading, once the program is warm.
"""

import pathlib
import sys
import tempfile
import time

peer, folder = sys.argv[1], pathlib.Path(sys.argv[2])
files = sorted(folder.glob("*.jpg"))
WORKERS, BATCH = 2, 32


def rate(count, began):
    return count / (time.perf_counter() - began)


def webdataset(home):
    import torch
    import webdataset

    began = time.perf_counter()
    with webdataset.ShardWriter(f"{home}/s-%06d.tar", maxcount=800, verbose=0) as writer:
        for file in files:
            writer.write({"__key__": file.stem, "jpg": file.read_bytes(), "json": {"labels": [0, 1]}})
    packed = rate(len(files), began)
    shards = sorted(str(path) for path in pathlib.Path(home).glob("*.tar"))
    read = []
    # Its workers are started anew for each reading: the better way counts.
    for workers in (0, WORKERS, WORKERS):
        data = webdataset.WebDataset(shards, shardshuffle=len(shards)).shuffle(1000).decode("rgb8").to_tuple("jpg", "json")
        loader = torch.utils.data.DataLoader(data.batched(BATCH), batch_size=None, num_workers=workers)
        began = time.perf_counter()
        read.append(rate(sum(len(labels) for _, labels in loader), began))
    return packed, max(read)


def mindrecord(home):
    import mindspore.dataset as dataset
    import mindspore.dataset.vision as vision
    import numpy
    from mindspore.mindrecord import FileWriter

    began = time.perf_counter()
    writer = FileWriter(f"{home}/a.mindrecord", shard_num=4, overwrite=True)
    writer.add_schema({"image": {"type": "bytes"}, "label": {"type": "float32", "shape": [6]}}, "leaves")
    label = numpy.zeros(6, numpy.float32)
    for start in range(0, len(files), 256):
        writer.write_raw_data([{"image": file.read_bytes(), "label": label} for file in files[start : start + 256]])
    writer.commit()
    packed = rate(len(files), began)
    read = []
    for _ in range(2):
        data = dataset.MindDataset(f"{home}/a.mindrecord0", num_parallel_workers=WORKERS, shuffle=True)
        data = data.map(vision.Decode(), input_columns="image", num_parallel_workers=WORKERS).batch(BATCH)
        began = time.perf_counter()
        batches = data.create_dict_iterator(num_epochs=1, output_numpy=True)
        read.append(rate(sum(len(batch["label"]) for batch in batches), began))
    return packed, max(read)


with tempfile.TemporaryDirectory() as home:
    for figure in {"webdataset": webdataset, "mindrecord": mindrecord}[peer](home):
        print(figure)
