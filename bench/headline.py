#!/usr/bin/env python3
"""The claim: a network found for MyriadX beside MobileNetV2, one found for the CPU, and random ones.

    bench/headline.py IMAGES [--minutes N] [--jobs N] [--measure]

found_one_round and found_1.5x_one_round are what the search found when its networks trained alone
had one epoch only; found_for_cpu was found so, too.

A list of jobs, each of minutes, by configs/headline.toml: search for either device by the same
shared weights and networks trained alone, draw random networks, train each from scratch at 64 px, price and
measure them at 224 px, and have Intel's compiler map them (`make blob-compiler`). IMAGES is CIFAR-10
as class folders or the canonical binaries. A job that is done is skipped and one that was
interrupted continues, so call it again until it says that it is done; --minutes stops it. --jobs
trains so many networks at once, each on its share of the cores: they wait less for each other than
the threads of one. --measure trains nothing and measures all networks on this CPU (a quiet
machine).

What is done is kept in docs/results, to be committed, so that another machine can go on:
headline/NAME.json (the networks, once searched and drawn), headline/search.json and trained_alone*.json
(how they were found), headline_trainings.jsonl (a line a training), headline.json and the table in
docs/results.md.
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

from provenance import ROOT, machine, provenance, write_section

PROGRAM = ROOT / "build/release/vpunas"
CONFIG = "configs/headline.toml"
RUNS = pathlib.Path("runs/headline")
NETWORKS = ROOT / "docs/results/headline"
TRAININGS = ROOT / "docs/results/headline_trainings.jsonl"
RESULT, TABLE = ROOT / "docs/results/headline.json", ROOT / "docs/results.md"
SPACE = "vpu_small"
BUDGET = "0.87x:mobilenet_v2"
CPU_TABLE = RUNS / "cpu_profile/latency.json"
# Shares of MobileNetV2's time on the CPU. Of the networks found within these the one that takes most
# of MyriadX's budget is the one to compare with.
CPU_LADDER = [0.8, 1.0, 1.2, 1.4, 1.6]
REFERENCE = "mobilenet_v2"
TRAINED_ALONE = ["trained_alone.json", "trained_alone_2.json"]  # by round
RANDOM = 6
RANDOM_NAMES = [f"random_{i}" for i in range(1, RANDOM + 1)]
SEEDS = {name: [1, 2, 3] for name in [REFERENCE, "found", "found_one_round", "found_for_cpu",
                                      "found_1.5x"]}
SEEDS |= {name: [1] for name in ["found_1.5x_one_round", *RANDOM_NAMES]}


class OutOfTime(Exception):
    pass


def take_longer(source, target):
    """Copies a list of networks trained alone over one that has fewer."""
    def count(path):
        return len(json.load(open(path))["networks"]) if path.exists() else -1
    if count(source) > count(target):
        shutil.copy(source, target)


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

    def search(self, folder, *arguments):
        """A search with the networks trained alone that are kept, which are kept again; its results."""
        (folder / "search").mkdir(parents=True, exist_ok=True)
        for name in TRAINED_ALONE:
            take_longer(NETWORKS / name, folder / "search" / name)
        try:
            self.in_a_run("search", folder, *arguments)
        finally:
            for name in TRAINED_ALONE:
                take_longer(folder / "search" / name, NETWORKS / name)
        return json.load(open(folder / "search.json"))

    def find(self):
        """`found` and the network of MobileNetV2's time by 1.5."""
        search = self.search(RUNS)
        points = [point for point in search["pareto_front"]
                  if point["budget_ms"] <= search["reference_ms"] / 1.5 * 1.001]
        faster = max(points, key=lambda point: point["budget_ms"])["architecture"]
        shutil.copy(RUNS / f"pareto/{faster}.json", NETWORKS / "found_1.5x.json")
        shutil.copy(RUNS / "architectures/found.json", NETWORKS)
        shutil.copy(RUNS / "search.json", NETWORKS)

    def draw(self):
        self.run("space", SPACE, "--draw", RANDOM, "--budget", BUDGET, "--classes", self.classes(),
                 "-o", RUNS / "random")
        for name in RANDOM_NAMES:
            shutil.copy(RUNS / f"random/{name}.json", NETWORKS)

    def find_for_cpu(self):
        """By the shared weights and networks trained alone of `found`, and some of the CPU's own."""
        folder, weights = RUNS / "cpu", "search/supernet.safetensors"
        if not (RUNS / weights).exists():
            self.search(RUNS)
        if not (folder / weights).exists():
            (folder / weights).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(RUNS / weights, folder / weights)
        if not CPU_TABLE.exists():  # on a quiet machine
            self.run("profile", "--space", SPACE, "--size", 224, "--classes", self.classes(),
                     "-d", "CPU", "-o", CPU_TABLE.parent)
        ladder = CPU_TABLE.parent / "ladder"  # measured once, for a search that goes on
        if not ladder.exists():
            row = self.benchmark([REFERENCE], "-d", "CPU", "-t", 0.4, "--rounds", 15)[0]
            ms = row["measured"]["median_ms"]
            ladder.write_text(";".join(f"{share * ms:.3f}ms" for share in CPU_LADDER))
        self.search(folder, "-d", "CPU", "--budget", ladder.read_text(),
                    "--set", f"latency.timings={CPU_TABLE}", "--set", "search.sweep=",
                    "--set", "search.trained_alone=2", "--set", "run.name=headline_cpu")
        shutil.copy(self.of_cpu(), NETWORKS / "found_for_cpu.json")

    def classes(self):
        return json.load(open(NETWORKS / "found.json"))["classes"]

    def benchmark(self, networks, *arguments):
        text = self.run("benchmark", *networks, *arguments, "--json", "-", stdout=subprocess.PIPE)
        return json.loads(text)["rows"]

    def of_cpu(self):
        """The network of the CPU's front that takes most of MyriadX's budget."""
        budget = json.load(open(NETWORKS / "search.json"))["budget_ms"]
        front = sorted((RUNS / "cpu/pareto").glob("pareto_*.json"))
        priced = self.benchmark(front, "-d", "MYRIADX", "--hint", "throughput")
        fits = [(row["predicted"]["ms"], path) for row, path in zip(priced, front)
                if row["predicted"]["ms"] <= budget]
        if not fits:
            sys.exit("headline: no network of the CPU's ladder keeps MyriadX's budget; lengthen it")
        return max(fits)[1]

    def train(self, name, seed, threads):
        folder = RUNS / f"{name}_{seed}"
        known = (NETWORKS / f"{name}.json").exists()  # MobileNetV2's is written by its training
        self.in_a_run("train", folder, "--seed", seed, "--set", f"run.name=headline_{seed}",
                      "--workers", threads, f"{name}={NETWORKS / name}.json" if known else name)
        if not known:
            shutil.copy(folder / f"architectures/{name}.json", NETWORKS)
        return json.load(open(folder / "train" / name / "train.json"))


def kept():
    """The trainings that are done: name -> seed -> its line."""
    trainings = {}
    if TRAININGS.exists():
        for line in map(json.loads, open(TRAININGS)):
            trainings.setdefault(line["name"], {})[line["seed"]] = line
    return trainings


def keep(name, seed, trained):
    keys = ("macs", "parameters", "epochs", "images_seen", "seconds", "validation_accuracy",
            "test_accuracy", "test_loss", "test_images")
    line = {"name": name, "seed": seed} | {key: trained[key] for key in keys} | provenance()
    line["machine"] = machine()
    with open(TRAININGS, "a") as file:
        file.write(json.dumps(line) + "\n")


def explain(jobs, file, reference):
    """What MyriadX makes of a network, the difference to `reference`, and whether Intel's compiler
    maps it as we do (None where it is not installed)."""
    compiler = ["--compiler"] if (ROOT / "blob-compiler/version").exists() else []
    text = jobs.run("explain", file, "--against", reference, "--no-what-if", *compiler, "--json",
                    "-", stdout=subprocess.PIPE)
    return json.loads(text)


def measured(jobs, names):
    """Median milliseconds on this CPU by name; nothing else should run meanwhile."""
    rows = jobs.benchmark(map(deployed, names), "-d", "CPU", "-t", 0.4, "--rounds", 15)
    return {name: row["measured"]["median_ms"] for name, row in zip(names, rows)}


def gain(accuracies, reference):
    """Difference of the means with its 95 % interval (Student's t, a common variance); None of one
    training each, which say nothing of their spread."""
    freedom = len(accuracies) + len(reference) - 2
    if min(len(accuracies), len(reference)) < 2:
        return None
    t = {2: 4.303, 3: 3.182, 4: 2.776}[freedom]
    squares = sum((x - statistics.mean(of)) ** 2 for of in (accuracies, reference) for x in of)
    spread = t * (squares / freedom * (1 / len(accuracies) + 1 / len(reference))) ** 0.5
    difference = statistics.mean(accuracies) - statistics.mean(reference)
    return {"difference": difference, "low": difference - spread, "high": difference + spread}


def markdown(networks):
    def points(fraction):
        return f"{100 * fraction:+.2f}"

    lines = ["| network | MyriadX, ms | by MobileNetV2's | CPU, ms | M MACs | M parameters | test "
             "accuracy, % | seeds | to MobileNetV2, points (95 %) | stages as Intel's compiler |",
             "|---|---|---|---|---|---|---|---|---|---|"]
    reference = next(n for n in networks if n["name"] == REFERENCE)
    for n in networks:
        deviation = f" +- {100 * n['accuracy_std']:.2f}" if n["accuracy_std"] is not None else ""
        difference, compiler = n["to_mobilenet_v2"], n["compiler_stages"]
        lines.append(" | ".join([
            f"| {n['name']}", f"{n['myriadx_ms']:.2f} ({n['low_ms']:.2f} to {n['high_ms']:.2f})",
            f"x{n['myriadx_ms'] / reference['myriadx_ms']:.2f}",
            f"{n['cpu_ms']:.2f}" if n["cpu_ms"] else "", f"{n['macs'] / 1e6:.0f}",
            f"{n['params'] / 1e6:.2f}", f"{100 * n['accuracy_mean']:.2f}{deviation}",
            str(len(n["seeds"])),
            f"{points(difference['difference'])} ({points(difference['low'])} to "
            f"{points(difference['high'])})" if difference and n is not reference else "",
            f"{compiler['equal']} of {compiler['all']} |" if compiler else "|"]))
    return "\n".join(lines)


def write_table(jobs, measure=False):
    trainings = kept()
    names = [name for name in SEEDS if name in trainings]
    before = json.load(open(RESULT)) if RESULT.exists() else {"networks": []}
    if measure:
        cpu = measured(jobs, names)
        cpu_measured = provenance() | {"machine": machine()}
    else:
        cpu = {network["name"]: network["cpu_ms"] for network in before["networks"]}
        cpu_measured = before.get("cpu_measured")
    table = {"schema": "vpunas.headline/1", "command": "bench/headline.py IMAGES"} | provenance()
    table["cpu_measured"] = cpu_measured
    table["networks"] = []
    for name in names:
        priced = explain(jobs, deployed(name), deployed(REFERENCE))
        lines = [trainings[name][seed] for seed in sorted(trainings[name])]
        accuracies = [line["test_accuracy"] for line in lines]
        against, compiler = priced["against"], priced.get("compiler")
        table["networks"].append({
            "name": name, "seeds": [line["seed"] for line in lines], "accuracies": accuracies,
            "accuracy_mean": statistics.mean(accuracies),
            "accuracy_std": statistics.stdev(accuracies) if len(accuracies) > 1 else None,
            "to_mobilenet_v2": gain(accuracies, [line["test_accuracy"] for line in
                                                 trainings[REFERENCE].values()]),
            "myriadx_ms": priced["total_ms"], "low_ms": priced["low_ms"],
            "high_ms": priced["high_ms"],
            "to_mobilenet_v2_ms": {"ms": against["difference_ms"], "low_ms": against["low_ms"],
                                   "high_ms": against["high_ms"]},
            "compiler_stages": compiler and {"equal": compiler["equal"],
                                             "all": compiler["stages"]},
            "cpu_ms": cpu.get(name), "macs": priced["macs"],
            "params": lines[0]["parameters"], "input": priced["input"],
            "train_input": [3, 64, 64], "images_seen": lines[0]["images_seen"]})
    RESULT.write_text(json.dumps(table, indent=1) + "\n")
    write_section(TABLE, "headline.py", markdown(table["networks"]))


def deployed(name):
    return NETWORKS / f"{name}.json"


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("images", type=pathlib.Path)
    parser.add_argument("--minutes", type=float, default=10_000)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--measure", action="store_true")
    arguments = parser.parse_args()
    os.chdir(ROOT)
    jobs = Jobs(arguments.images.resolve(), arguments.minutes)
    try:
        if arguments.measure:
            return write_table(jobs, measure=True)
        NETWORKS.mkdir(exist_ok=True)
        for job, name in [(jobs.find, "search"), (jobs.draw, RANDOM_NAMES[-1]),
                          (jobs.find_for_cpu, "found_for_cpu")]:
            if not (NETWORKS / f"{name}.json").exists():
                job()
        # One seed of every network first, so that an early end leaves a whole table; MobileNetV2
        # before all, whose file the others are compared with.
        todo = [(name, seed) for seed in SEEDS[REFERENCE] for name, seeds in SEEDS.items()
                if seed in seeds and seed not in kept().get(name, {})]
        threads = max(1, os.cpu_count() // arguments.jobs)
        with concurrent.futures.ThreadPoolExecutor(arguments.jobs) as pool:
            trainings = {pool.submit(jobs.train, *job, threads): job for job in todo}
            try:
                for training in concurrent.futures.as_completed(trainings):
                    keep(*trainings[training], training.result())
                    if deployed(REFERENCE).exists():
                        write_table(jobs)
            except BaseException:  # begin no others
                pool.shutdown(wait=False, cancel_futures=True)
                raise
    except OutOfTime:
        sys.exit("headline: out of time; call again to go on")


if __name__ == "__main__":
    main()
