"""Makes the parquet files of tests/data_sets.rs with pyarrow: `python make_parquet.py`, or `python make_parquet.py --large FILE`.

The columns are those of nyu-visionx/CV-Bench, with the metadata by which Hugging Face's `datasets` knows a picture. `--large`
writes a file of 2,638 rows and about 400 MB, to measure what reading one takes; its pictures are noise.
"""

import base64
import json
import struct
import sys
import zlib
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

SCHEMA = pa.schema(
    [
        ("idx", pa.int64()),
        ("type", pa.string()),
        ("task", pa.string()),
        ("image", pa.struct([("bytes", pa.binary()), ("path", pa.string())])),
        ("question", pa.string()),
        ("choices", pa.list_(pa.string())),
        ("answer", pa.string()),
        ("prompt", pa.string()),
        ("filename", pa.string()),
        ("source", pa.string()),
        ("source_dataset", pa.string()),
        ("source_filename", pa.string()),
        ("target_class", pa.string()),
        ("target_size", pa.int64()),
        ("bbox", pa.list_(pa.list_(pa.float64()))),
    ],
    metadata={"huggingface": json.dumps({"info": {"features": {"image": {"_type": "Image"}}}})},
)

BASE64 = SCHEMA.set(SCHEMA.get_field_index("image"), pa.field("image", pa.string()))

TASKS = [("2D", "Count", "ADE20K"), ("2D", "Relation", "COCO"), ("3D", "Depth", "Omni3D"), ("3D", "Distance", "Omni3D")]


def png(colour: tuple[int, int, int], side: int = 8) -> bytes:
    """A picture of one colour."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    rows = (b"\0" + bytes(colour) * side) * side
    head = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def row(index: int, picture: bytes) -> dict[str, object]:
    kind, task, source = TASKS[index % 4]
    choices = [str(index % 5 + n) for n in range(4)] if task == "Count" else ["left", "right"]
    letters = "ABCDEF"
    options = "\n".join(f"({letters[at]}) {choice}" for at, choice in enumerate(choices))
    question = f"Question {index}: which one?"
    return {
        "idx": index,
        "type": kind,
        "task": task,
        "image": {"bytes": picture, "path": f"img/{index:05d}.png"},
        "question": question,
        "choices": choices,
        "answer": f"({letters[index // 4 % len(choices)]})",
        "prompt": f"{question} Select from the following choices.\n{options}",
        "filename": f"img/{kind}/{index:05d}.png",
        "source": source,
        "source_dataset": f"{source} validation",
        "source_filename": f"{index // 8:06d}.jpg",
        "target_class": "thing",
        "target_size": 1000 + index,
        "bbox": [[1.0, 2.0, 3.0, 4.0]],
    }


def write(path: Path, rows: list[dict[str, object]], schema: pa.Schema = SCHEMA, **options: object) -> None:
    pq.write_table(pa.Table.from_pylist(rows, schema), path, **options)


def main() -> None:
    if len(sys.argv) == 3 and sys.argv[1] == "--large":
        rng = np.random.default_rng(1)
        with pq.ParquetWriter(sys.argv[2], SCHEMA) as writer:
            # One row group: the case that is hardest on memory.
            rows = [row(index, rng.bytes(int(rng.integers(100_000, 205_000)))) for index in range(2638)]
            writer.write_table(pa.Table.from_pylist(rows, SCHEMA))
        return
    folder = Path(__file__).parent / "data"
    rows = [row(index, png((index * 20 % 256, index // 2 * 30 % 256, 90))) for index in range(24)]
    # Questions in pairs about one picture.
    for index in range(1, 24, 2):
        rows[index]["image"] = rows[index - 1]["image"]
    write(folder / "cv_bench_like.parquet", rows, row_group_size=10)
    write(folder / "uncompressed.parquet", rows[:6], compression="NONE", use_dictionary=False, data_page_version="2.0")
    write(folder / "gzip.parquet", rows[:6], compression="GZIP")
    write(folder / "zstd.parquet", rows[:6], compression="ZSTD")
    # Pictures as texts in base64, one of them broken into lines, one that is none, and one that is empty.
    texts = [base64.b64encode(row["image"]["bytes"]).decode() for row in rows[:6]]
    texts[1] = base64.encodebytes(rows[1]["image"]["bytes"]).decode()
    texts[2], texts[3] = "????", ""
    write(folder / "base64.parquet", [row | {"image": text} for row, text in zip(rows, texts)], BASE64)
    # A text of 65 MiB in a page of 64 KiB.
    rows[1]["question"] = "x" * (65 << 20)
    write(folder / "long_text.parquet", rows[:2], compression="GZIP")


if __name__ == "__main__":
    main()
