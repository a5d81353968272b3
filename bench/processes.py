#!/usr/bin/env python3
"""Training in two processes of one thread each beside two independent trainings.

    bench/processes.py [--rounds N]

MobileNetV2 at 64 px on synthetic images, 64 images a process and step, in rounds of both; images a
second of the training itself, as train.json has them, so that starting up does not count. On a quiet
machine; writes docs/results/processes.json.
"""
import argparse
import json
import os
import pathlib
import statistics
import subprocess
import tempfile

from provenance import ROOT, provenance

PROGRAM = ROOT / "build/release/vpunas"
RESULT = ROOT / "docs/results/processes.json"
BATCH = 64


def start(folder, batch, environment):
    settings = ["data.format=synthetic", "data.validation=0.01", "space.deploy_size=64",
                f"train.batch_size={batch}", "train.epochs=8", "run.workers=1",
                "train.checkpoint_seconds=1000"]
    command = [PROGRAM, "train", "mobilenet_v2", "-o", folder]
    for setting in settings:
        command += ["--set", setting]
    return subprocess.Popen(command, env=os.environ | environment, stdout=subprocess.DEVNULL,
                            stderr=subprocess.DEVNULL)


def rate(folder):
    """Images a second."""
    trained = json.load(open(folder / "train/mobilenet_v2/train.json"))
    return trained["images_seen"] / trained["seconds"]


def independent(folder):
    runs = [start(folder / str(i), BATCH, {}) for i in range(2)]
    assert not any(run.wait() for run in runs)
    return sum(rate(folder / str(i)) for i in range(2))


def together(folder):
    place = {"WORLD_SIZE": "2", "MASTER_PORT": "29611"}
    runs = [start(folder / "group", 2 * BATCH, place | {"RANK": str(i)}) for i in range(2)]
    assert not any(run.wait() for run in runs)
    return rate(folder / "group")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    rounds = []
    for _ in range(arguments.rounds):
        with tempfile.TemporaryDirectory() as folder:
            folder = pathlib.Path(folder)
            rounds.append({"independent": independent(folder), "group": together(folder)})
        ratios = [r["group"] / r["independent"] for r in rounds]
        print({key: round(value) for key, value in rounds[-1].items()}, round(ratios[-1], 3))
    RESULT.write_text(json.dumps({
        "schema": "vpunas.processes/1", "command": f"bench/processes.py --rounds {arguments.rounds}",
        **provenance(), "unit": "images/s", "ratio_median": statistics.median(ratios),
        "ratio_least": min(ratios), "ratio_most": max(ratios), "rounds": rounds}, indent=1) + "\n")


if __name__ == "__main__":
    main()
