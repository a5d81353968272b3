#!/usr/bin/env python3
"""The claim: a network found for MyriadX beside MobileNetV2, one found for the CPU, and random ones.

    bench/headline.py IMAGES [--minutes N] [--jobs N]

A list of jobs, each of minutes, by configs/headline.toml: search for either device on the same shared
weights, draw random networks, train each from scratch at 64 px, price and measure them at 224 px, and
have Intel's compiler map them (`make blob-compiler`). IMAGES is CIFAR-10 as class folders or the
canonical binaries. A job that is done is skipped and one that was interrupted continues, so call it
again until it says that it is done; --minutes stops it. --jobs trains so many networks at once, each
on its share of the cores: they wait less for each other than the threads of one. After every
training the results are written:
docs/results/headline_trainings.jsonl (a line a training) and docs/results/headline.json (the table).
"""
import argparse
import concurrent.futures
import json
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import time

from provenance import ROOT, provenance

PROGRAM = ROOT / "build/release/vpunas"
CONFIG = "configs/headline.toml"
RUNS = pathlib.Path("runs/headline")
TRAININGS = ROOT / "docs/results/headline_trainings.jsonl"
TABLE = ROOT / "docs/results/headline.json"
SPACE = "vpu_small"
BUDGET = "0.87x:mobilenet_v2"
CPU_TABLE = RUNS / "cpu_profile/latency.json"
# Milliseconds on the CPU. Of the networks found within these the one that takes most of MyriadX's
# budget is the one to compare with.
CPU_LADDER = [1.0, 1.1, 1.2, 1.3, 1.4, 1.5, 1.6, 1.7, 1.8]
SEEDS = [1, 2, 3]
RANDOM = 6


class OutOfTime(Exception):
    pass


class Jobs:
    def __init__(self, images, minutes):
        self.images = str(images)
        self.end = time.monotonic() + 60 * minutes

    def run(self, *arguments, **options):
        """One command of vpunas; stopped at the end of the time as Ctrl-C would."""
        if time.monotonic() > self.end:
            raise OutOfTime
        process = subprocess.Popen([PROGRAM, *map(str, arguments)], text=True, **options)
        try:
            output, _ = process.communicate(timeout=max(1, self.end - time.monotonic()))
        except subprocess.TimeoutExpired:
            process.send_signal(2)
            process.wait()
            raise OutOfTime from None
        if process.returncode:
            sys.exit(f"headline: vpunas {' '.join(map(str, arguments))}: exit {process.returncode}")
        return output

    def in_a_run(self, verb, folder, *arguments):
        self.run(verb, "-c", CONFIG, "--data", self.images, "-o", folder, *arguments)

    def search(self):
        """`found` and its front on MyriadX; the CPU's networks on the same shared weights."""
        vpu, cpu = RUNS, RUNS / "cpu"
        self.in_a_run("search", vpu)
        weights = pathlib.Path("search/supernet.safetensors")
        if not (cpu / weights).exists():
            (cpu / weights).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(vpu / weights, cpu / weights)
        if not CPU_TABLE.exists():  # on a quiet machine
            self.run("profile", "--space", SPACE, "--size", 224, "--classes", self.classes(),
                     "-d", "CPU", "-o", CPU_TABLE.parent)
        ladder = ";".join(f"{ms}ms" for ms in CPU_LADDER)
        self.in_a_run("search", cpu, "-d", "CPU", "--budget", ladder,
                      "--set", f"latency.timings={CPU_TABLE}", "--set", "search.front=",
                      "--set", "run.name=headline_cpu")
        if not (RUNS / f"random/random_{RANDOM}.json").exists():
            self.run("space", SPACE, "--draw", RANDOM, "--budget", BUDGET, "--classes",
                     self.classes(), "-o", RUNS / "random")

    def classes(self):
        return json.load(open(RUNS / "architectures/found.json"))["classes"]

    def myriadx(self, networks):
        """Each network's predicted latency on MyriadX at deployment size, in milliseconds."""
        text = self.run("benchmark", *networks, "-d", "MYRIADX", "--hint", "throughput",
                        "--json", "-", stdout=subprocess.PIPE)
        return [row["predicted"] for row in json.loads(text)["rows"]]

    def networks(self):
        """Name -> (architecture file or zoo name, seeds), in the order in which they are trained."""
        budget = json.load(open(RUNS / "search.json"))["budget_ms"]
        front = sorted((RUNS / "cpu/front").glob("front_*.json"))
        priced = zip(self.myriadx(front), front)
        fits = [(latency["ms"], path) for latency, path in priced if latency["ms"] <= budget]
        if not fits:
            sys.exit("headline: no network of the CPU's ladder keeps MyriadX's budget; lengthen it")
        files = {"mobilenet_v2": "mobilenet_v2",  # first: the others are compared with its file
                 "found": RUNS / "architectures/found.json",
                 "found_for_cpu": max(fits)[1],
                 "found_1.5x": self.faster()}
        return ({name: (file, SEEDS) for name, file in files.items()} |
                {f"random_{i}": (RUNS / f"random/random_{i}.json", SEEDS[:1])
                 for i in range(1, RANDOM + 1)})

    def faster(self):
        """The network of the front's rung of MobileNetV2's time by 1.5."""
        search = json.load(open(RUNS / "search.json"))
        rungs = [point for point in search["front"]
                 if point["budget_ms"] <= search["reference_ms"] / 1.5 * 1.001]
        best = max(rungs, key=lambda point: point["budget_ms"])
        return RUNS / "front" / f"{best['architecture']}.json"

    def train(self, name, file, seed, threads):
        folder = RUNS / f"{name}_{seed}"
        result = folder / "train" / name / "train.json"
        if not result.exists():
            self.in_a_run("train", folder, "--seed", seed, "--set", f"run.name=headline_{seed}",
                          "--workers", threads, name if str(file) == name else f"{name}={file}")
        return json.load(open(result))


def keep(name, seed, trained):
    """The training as a line of the committed list, once."""
    lines = [json.loads(line) for line in open(TRAININGS)] if TRAININGS.exists() else []
    if any(line["name"] == name and line["seed"] == seed for line in lines):
        return
    keys = ("macs", "parameters", "epochs", "images_seen", "seconds", "validation_accuracy",
            "test_accuracy", "test_loss", "test_images")
    line = {"name": name, "seed": seed} | {key: trained[key] for key in keys} | provenance()
    with open(TRAININGS, "a") as file:
        file.write(json.dumps(line) + "\n")


def explain(jobs, file, reference):
    """What MyriadX makes of a network, the difference to `reference`, and whether Intel's compiler
    maps it as we do (None where it is not installed)."""
    compiler = ["--compiler"] if (ROOT / "blob-compiler/version").exists() else []
    text = jobs.run("explain", file, "--against", reference, "--no-what-if", *compiler, "--json",
                    "-", stdout=subprocess.PIPE)
    return json.loads(text)


def measured(jobs, networks, files):
    """Median milliseconds on the CPU by name; nothing else should run meanwhile."""
    path = RUNS / "cpu_times.json"
    times = json.load(open(path))["medians_ms"] if path.exists() else {}
    if set(times) != set(networks):
        text = jobs.run("benchmark", *files, "-d", "CPU", "-t", 0.4, "--rounds", 15, "--json", "-",
                        stdout=subprocess.PIPE)
        rows = json.loads(text)["rows"]
        times = {name: row["measured"]["median_ms"] for name, row in zip(networks, rows)}
        path.write_text(json.dumps({"medians_ms": times, "runtime": rows[0]["runtime"],
                                    "precision": rows[0]["precision"]}))
    return times


def write_table(jobs, networks):
    trainings = {}
    for line in map(json.loads, open(TRAININGS)):
        trainings.setdefault(line["name"], {})[line["seed"]] = line
    names = [name for name in networks if name in trainings]
    files = [deployed(name, networks) for name in names]
    whole = len(names) == len(networks)
    cpu = measured(jobs, names, files) if whole else {}
    table = {"schema": "vpunas.headline/1", "command": "bench/headline.py IMAGES"} | provenance()
    table["networks"] = []
    for name, file in zip(names, files):
        priced = explain(jobs, file, deployed("mobilenet_v2", networks))
        lines = [trainings[name][seed] for seed in sorted(trainings[name])]
        accuracies = [line["test_accuracy"] for line in lines]
        against, compiler = priced["against"], priced.get("compiler")
        table["networks"].append({
            "name": name, "seeds": [line["seed"] for line in lines], "accuracies": accuracies,
            "accuracy_mean": statistics.mean(accuracies),
            "accuracy_std": statistics.stdev(accuracies) if len(accuracies) > 1 else None,
            "myriadx_ms": priced["total_ms"], "low_ms": priced["low_ms"],
            "high_ms": priced["high_ms"],
            "to_mobilenet_v2_ms": {"ms": against["difference_ms"], "low_ms": against["low_ms"],
                                   "high_ms": against["high_ms"]},
            "compiler_stages": compiler and {"equal": compiler["equal"],
                                             "all": compiler["stages"]},
            "cpu_ms": cpu.get(name), "macs": priced["macs"],
            "params": lines[0]["parameters"], "input": priced["input"],
            "train_input": [3, 64, 64], "images_seen": lines[0]["images_seen"]})
    TABLE.write_text(json.dumps(table, indent=1) + "\n")


def deployed(name, networks):
    """The network's file; MobileNetV2's is that with the classes of the others."""
    file = networks[name][0]
    return RUNS / f"{name}_1/architectures/{name}.json" if str(file) == name else file


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("images", type=pathlib.Path)
    parser.add_argument("--minutes", type=float, default=10_000)
    parser.add_argument("--jobs", type=int, default=1)
    arguments = parser.parse_args()
    os.chdir(ROOT)
    jobs = Jobs(arguments.images.resolve(), arguments.minutes)
    try:
        jobs.search()
        networks = jobs.networks()
        # One seed of every network first, so that an early end leaves a whole table.
        todo = sorted((seed, name) for name, (_, seeds) in networks.items() for seed in seeds)
        todo.sort(key=lambda job: (job[0], list(networks).index(job[1])))
        threads = max(1, os.cpu_count() // arguments.jobs)
        with concurrent.futures.ThreadPoolExecutor(arguments.jobs) as pool:
            trainings = {pool.submit(jobs.train, name, networks[name][0], seed, threads):
                         (name, seed) for seed, name in todo}
            for training in concurrent.futures.as_completed(trainings):
                keep(*trainings[training], training.result())
                write_table(jobs, networks)
    except OutOfTime:
        sys.exit("headline: out of time; call again to go on")


if __name__ == "__main__":
    main()
