#!/usr/bin/env python3
"""Training in two processes of one thread each beside two independent trainings.

    bench/processes.py [--rounds N]

MobileNetV2 on synthetic images, in rounds of both; images a second of the training itself, as
train.json has them, so that starting up does not count. On a quiet machine; writes
docs/results/processes.json.
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
# Steps of a fifth of a second and of about one: pixels, images a process and step, epochs.
CASES = [(64, 64, 4), (160, 64, 0.8)]


def start(folder, size, batch, epochs, environment):
    settings = ["data.format=synthetic", "data.validation=0.01", f"space.deploy_size={size}",
                f"train.batch_size={batch}", f"train.epochs={epochs}", "run.workers=1",
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


def independent(folder, size, batch, epochs):
    runs = [start(folder / str(i), size, batch, epochs, {}) for i in range(2)]
    assert not any([run.wait() for run in runs])
    return sum(rate(folder / str(i)) for i in range(2))


def together(folder, size, batch, epochs):
    place = {"WORLD_SIZE": "2", "MASTER_PORT": "29611"}
    # Twice the epochs are as many steps as the independent ones take.
    runs = [start(folder / "group", size, 2 * batch, 2 * epochs, place | {"RANK": str(i)})
            for i in range(2)]
    assert not any([run.wait() for run in runs])
    return rate(folder / "group")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rounds", type=int, default=9)
    arguments = parser.parse_args()
    cases = [{"size": size, "images_per_process": batch, "rounds": []} for size, batch, _ in CASES]
    for _ in range(arguments.rounds):
        for case, shape in zip(cases, CASES):
            with tempfile.TemporaryDirectory() as folder:
                folder = pathlib.Path(folder)
                case["rounds"].append({"independent": independent(folder, *shape),
                                       "group": together(folder, *shape)})
            ratios = [r["group"] / r["independent"] for r in case["rounds"]]
            case |= {"ratio_median": statistics.median(ratios), "ratio_least": min(ratios),
                     "ratio_most": max(ratios)}
            print(shape, case["rounds"][-1], round(ratios[-1], 3), flush=True)
    RESULT.write_text(json.dumps({
        "schema": "vpunas.processes/1", "command": f"bench/processes.py --rounds {arguments.rounds}",
        **provenance(), "unit": "images/s", "cases": cases}, indent=1) + "\n")


if __name__ == "__main__":
    main()
