"""How fast this program is beside what people would use instead, on this machine, in one table.

    cargo build --release -p opabinia-engine --example speed
    cargo run --release -p opabinia-forge -- --preset cambrian-phi3-3b --dtype bf16 WORK/checkpoint
    python3 bench/report.py WORK [--peers PYTHON] [--rounds N] [--only encoders|language] [--formats bf16,q8_0,q4_k]

`WORK/checkpoint` has the released 3B's shapes with weights at random (13.6 GB). `PYTHON` is the interpreter of an
environment with the peers at the versions of bench/peers/requirements.txt; llama.cpp's files are written into WORK once.
Ours and the peers' run in turn, each in a process of its own, as many rounds as asked for; a time is the median of the
rounds. Opening is timed after the weights were read once and the peer's file was given back. Where the peers are not installed, the report says so and has our columns alone.
"""

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
ENCODERS = ["siglip", "clip", "dinov2", "convnext"]


def run(command):
    """The JSON object on the last line that `command` prints, or what went wrong."""
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, check=False)
    lines = [line for line in done.stdout.splitlines() if line.startswith("{")]
    if done.returncode != 0 or not lines:
        told = (done.stderr.strip().splitlines() or ["no output"])[-1]
        sys.exit(f"{' '.join(map(str, command))}\nfailed: {told}")
    return json.loads(lines[-1])


def installed(python):
    """The versions of the peers, or None and why they are missing."""
    if python is None:
        return None, "no interpreter was named with --peers"
    code = (
        "import importlib.metadata as m, json;"
        "print(json.dumps({n: m.version(n) for n in ['torch', 'xllamacpp', 'gguf', 'numpy']}))"
    )
    done = subprocess.run([python, "-c", code], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        return None, (done.stderr.strip().splitlines() or ["it does not run"])[-1]
    versions = json.loads(done.stdout)
    pinned = dict(line.split("==") for line in (HERE / "peers/requirements.txt").read_text().split())
    other = [f"{name} {versions[name]} (pinned: {pinned[name]})" for name in versions if versions[name] != pinned[name]]
    return versions, ("; other versions than the pinned ones: " + ", ".join(other)) if other else ""


def processor():
    """What matters of this machine, without its name."""
    flags = ""
    if Path("/proc/cpuinfo").is_file():
        flags = next((line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("flags")), "")
    known = ["avx2", "avx512f", "avx512_vnni", "avx512_bf16", "amx_int8", "amx_bf16"]
    found = [name for name in known if name in flags.split()]
    return f"{os.cpu_count()} cores, {platform.machine()}, {', '.join(found) or 'instruction sets unknown'}"


def warm(checkpoint):
    """Reads the weights once, so that opening them is timed from the system's cache of files and not from the disk."""
    for file in sorted(checkpoint.glob("*.safetensors")):
        with file.open("rb", buffering=0) as weights:
            while weights.read(64 << 20):
                pass


def forget(file):
    """Gives the pages of a peer's file back, which would push out the weights that are read next."""
    if hasattr(os, "posix_fadvise") and file.is_file():
        with file.open("rb") as opened:
            os.posix_fadvise(opened.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def median(values):
    return statistics.median(values) if values else None


def number(value, digits=2):
    return "–" if value is None else f"{value:.{digits}f}"


def ratio(ours, theirs):
    return "–" if ours is None or theirs is None else f"{ours / theirs:.2f}"


def encoders(speed, checkpoint, peers, rounds, threads):
    kinds = [("f32 products", "float32", ("bf16", "bf16", "exact")), ("fast", "bfloat16", ("bf16", "auto", "fast"))]
    kinds.append(("fast, q8_0", "bfloat16", ("bf16", "q8_0", "fast")))
    theirs = {}
    print("| encoders, s | " + " | ".join(ENCODERS) + " | sum |")
    print("| --- |" + " --: |" * (len(ENCODERS) + 1))
    for name, kind, arguments in kinds:
        ours = []
        measured = []
        for _ in range(rounds):
            ours.append(run([speed, checkpoint, *arguments, "encoders"]))
            if peers and kind not in theirs:
                measured.append(run([peers, HERE / "peers/encoders.py", kind, threads]))
        if measured:
            theirs[kind] = [median([turn[encoder] for turn in measured]) for encoder in ENCODERS]
        times = [median([turn["encoders_s"][encoder] for turn in ours]) for encoder in ENCODERS]
        row(f"ours, {name} ({ours[0]['encoder_products']})", times, [])
        if kind in theirs:
            row(f"PyTorch {kind}", theirs[kind], [])
            row("ratio", times, theirs[kind])
        sys.stdout.flush()


def row(name, times, against):
    all_of = [*times, sum(times)]
    if against:
        cells = [ratio(ours, theirs) for ours, theirs in zip(all_of, [*against, sum(against)])]
    else:
        cells = [number(time) for time in all_of]
    print(f"| {name} | " + " | ".join(cells) + " |")


def language(speed, checkpoint, work, peers, rounds, threads, formats):
    print("| weights | | prefill of 420, s | tokens/s | 20 more, s | opened, s | anonymous, GB |")
    print("| --- | --- | --: | --: | --: | --: | --: |")
    for form in formats:
        ours, theirs = [], []
        file = work / f"peer-{form}.gguf"
        if peers and not file.is_file():
            subprocess.run([peers, HERE / "peers/language.py", "make", form, file], check=True)
        for _ in range(rounds):
            forget(file)
            warm(checkpoint)
            ours.append(run([speed, checkpoint, form, "auto", "fast", "language"]))
            if peers:
                theirs.append(run([peers, HERE / "peers/language.py", "time", file, threads]))
        names = ["prefill_s", "tokens_per_s", "follow_up_s"]
        times = [median([turn[name] for turn in ours]) for name in names]
        opened = median([turn["open_s"] for turn in ours])
        anonymous = median([turn["open_anonymous_bytes"] for turn in ours if turn["open_anonymous_bytes"]])
        anonymous = None if anonymous is None else anonymous / 1e9
        print(f"| {form} | ours ({ours[0]['products']}) | " + " | ".join(map(number, times)), end="")
        print(f" | {number(opened)} | {number(anonymous)} |")
        traced = median([turn["prefill_traced_s"] for turn in ours])
        if theirs:
            others = [median([turn[name] for turn in theirs]) for name in names]
            print("| | llama.cpp | " + " | ".join(map(number, others)) + " | | |")
            print("| | ratio | " + " | ".join(map(ratio, times, others)) + " | | |")
        print(f"| | ours, trace recorded | {number(traced)} | | | | |")
        sys.stdout.flush()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("work", type=Path)
    parser.add_argument("--peers")
    parser.add_argument("--speed", type=Path, default=HERE.parent / "target/release/examples/speed")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", choices=["encoders", "language"])
    parser.add_argument("--formats", default="bf16,q8_0,q4_k")
    asked = parser.parse_args()
    checkpoint = asked.work / "checkpoint"
    if not asked.speed.is_file():
        sys.exit(f"{asked.speed} is not there: build it first, see the head of this file")
    if not (checkpoint / "config.json").is_file():
        sys.exit(f"{checkpoint} is no checkpoint: forge it first, see the head of this file")
    threads = os.cpu_count() or 1
    versions, told = installed(asked.peers)
    print(f"Machine: {processor()}. Median of {asked.rounds} rounds.\n")
    if versions is None:
        print(f"**Peers missing**: {told}. What follows is ours alone.\n")
    else:
        print("Peers: " + ", ".join(f"{name} {version}" for name, version in versions.items()) + told + ".\n")
    peers = asked.peers if versions else None
    if asked.only != "language":
        encoders(asked.speed, checkpoint, peers, asked.rounds, threads)
        print()
    if asked.only != "encoders":
        language(asked.speed, checkpoint, asked.work, peers, asked.rounds, threads, asked.formats.split(","))


if __name__ == "__main__":
    main()
