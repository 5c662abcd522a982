"""The peers of the bench `resize`: each line of standard input names one, and is answered by the seconds that it took.

    python peers.py FOLDER REPEAT PIXELS

Every photograph of FOLDER, REPEAT times, is decoded, made 256 x 256 and encoded as a JPEG of quality 90, by two processes.
First the names of the peers are printed, and their pixels of each photograph written to PIXELS/<peer>/<photograph>.rgb.
The first three use the decoder's own way to a smaller picture, as a fast user would.
"""
import glob, io, os, sys, time
from concurrent.futures import ProcessPoolExecutor

os.environ["VIPS_CONCURRENCY"] = "1"
import cv2, numpy, pyvips
from PIL import Image

cv2.setNumThreads(1)
SIZE = (256, 256)


def saved(image):
    out = io.BytesIO()
    image.save(out, "JPEG", quality=90)
    return len(out.getvalue())


def written(pixels):
    return len(cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, 90])[1])


def pillow_draft(path):
    image = Image.open(path)
    image.draft("RGB", (512, 512))
    return image.convert("RGB").resize(SIZE, Image.BICUBIC)


def pillow(path):
    return Image.open(path).convert("RGB").resize(SIZE, Image.BICUBIC)


def opencv_reduced(path):
    return cv2.resize(cv2.imread(path, cv2.IMREAD_REDUCED_COLOR_4), SIZE, interpolation=cv2.INTER_AREA)


def opencv(path):
    return cv2.resize(cv2.imread(path), SIZE, interpolation=cv2.INTER_AREA)


def vips(path):
    return pyvips.Image.thumbnail(path, 256, height=256, size="force")


def rgb(image):
    """The bytes of a result of any of them."""
    if isinstance(image, numpy.ndarray):
        return image[:, :, ::-1].tobytes()
    return image.numpy().tobytes() if isinstance(image, pyvips.Image) else image.tobytes()


def encode(image):
    if isinstance(image, numpy.ndarray):
        return written(image)
    return len(image.write_to_buffer(".jpg[Q=90]")) if isinstance(image, pyvips.Image) else saved(image)


PEERS = {
    "OpenCV, reduced": opencv_reduced,
    "Pillow, draft": pillow_draft,
    "libvips, thumbnail": vips,
    "OpenCV, in full": opencv,
    "Pillow, in full": pillow,
}


def one(task):
    name, path = task
    return encode(PEERS[name](path))


def keep(task):
    name, path, pixels = task
    stem = os.path.splitext(os.path.basename(path))[0]
    with open(os.path.join(pixels, name, stem + ".rgb"), "wb") as file:
        file.write(rgb(PEERS[name](path)))


def main():
    folder, repeat, pixels = sys.argv[1], int(sys.argv[2]), sys.argv[3]
    photographs = sorted(glob.glob(os.path.join(folder, "*.jpg")))
    for name in PEERS:
        os.makedirs(os.path.join(pixels, name))
    # Only the two processes decode: a libvips that was used before a fork hangs after it.
    with ProcessPoolExecutor(2) as pool:
        list(pool.map(keep, [(name, path, pixels) for name in PEERS for path in photographs]))
        print("\t".join(PEERS), flush=True)
        for line in sys.stdin:
            tasks = [(line.strip(), path) for path in photographs * repeat]
            start = time.perf_counter()
            list(pool.map(one, tasks))
            print(time.perf_counter() - start, flush=True)


if __name__ == "__main__":
    main()
