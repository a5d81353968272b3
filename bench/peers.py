#!/usr/bin/env python3
"""Our steps beside plain PyTorch's, interleaved: rounds in which every contender runs a few steps in turn, so that what disturbs
the machine disturbs all. Prints a table and writes JSON.

  bench/peers.py [--rounds 9] [--steps 2] [--size 32] [--batch 96] [--output docs/results/speed.json]"""

import argparse
import glob
import json
import os
import statistics
import subprocess
import sys

from provenance import ROOT, machine, provenance

TUNED = {"MALLOC_MMAP_MAX_": "0", "MALLOC_TRIM_THRESHOLD_": "2147483647", "MALLOC_TOP_PAD_": "67108864",
         "GLIBC_TUNABLES": "glibc.malloc.hugetlb=1"}


class Contender:
    """A process that answers "N" with the seconds of N steps."""

    def __init__(self, name, command, environment=None):
        self.name = name
        self.rates = []
        self.process = subprocess.Popen(
            [str(part) for part in command], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
            text=True, env={**os.environ, **(environment or {})})

    def seconds(self, steps):
        try:
            print(steps, file=self.process.stdin, flush=True)
            return float(self.process.stdout.readline())
        except (ValueError, OSError):
            sys.exit(f"peers: error: {self.name} ended without an answer; run its command by hand: {self.process.args}")

    def close(self):
        self.process.stdin.close()
        self.process.wait()


def ours(step, size, batch, kernel, storage):
    command = ["build/release/step_bench", step, size, batch, kernel, "fused"]
    return Contender(storage, command + (["bfloat16"] if storage == "bfloat16" else []))


def torch_environment():
    packages = glob.glob(os.path.join(ROOT, ".venv/lib/python3*/site-packages"))
    return {"PYTHONPATH": packages[0] if packages else "", "PYTHONDONTWRITEBYTECODE": "1"}


def python(script, *arguments, tuned=False):
    environment = {**torch_environment(), **(TUNED if tuned else {})}
    return [os.path.join(ROOT, ".venv-bench/bin/python"), f"bench/{script}.py", *arguments], environment


def baselines(step, size, batch, kernel):
    if step != "train":
        yield Contender("peer_supernet", *python("peer_supernet", step, size, batch))
        return
    for options in (["float32"], ["bfloat16"], ["float32", "compile"]):
        if "bfloat16" in options and not has_avx512():
            continue  # 163 s a step at 32 px on an AMD EPYC with AVX2, where float32 takes 3
        yield Contender(f"pytorch_step {' '.join(options)}", *python("pytorch_step", size, batch, kernel, *options, tuned=True))


def has_avx512():
    with open("/proc/cpuinfo") as file:
        return " avx512bw" in file.read()


def middle(values):
    """Median, and half of the range that holds the middle half."""
    quartiles = statistics.quantiles(values, n=4)
    return statistics.median(values), (quartiles[2] - quartiles[0]) / 2


def run_case(step, kernel, options):
    mine = [ours(step, options.size, options.batch, kernel, storage) for storage in ("bfloat16", "float32")]
    others = list(baselines(step, options.size, options.batch, kernel))
    contenders = mine + others
    for contender in contenders:
        contender.seconds(options.warmup)
    for _ in range(options.rounds):
        for contender in contenders:
            contender.rates.append(options.batch * options.steps / contender.seconds(options.steps))
    for contender in contenders:
        contender.close()
    best = max(others, key=lambda c: statistics.median(c.rates))
    cases = []
    for contender in mine:
        ratio, spread = middle([a / b for a, b in zip(contender.rates, best.rates)])
        cases.append({"input": options.size, "batch": options.batch, "kernel": kernel if step == "train" else None, "step": step,
                      "storage": contender.name, "ours": round(statistics.median(contender.rates), 2), "baseline_name": best.name,
                      "baseline": round(statistics.median(best.rates), 2), "ratio": round(ratio, 3), "spread": round(spread, 3),
                      "others": {c.name: round(statistics.median(c.rates), 2) for c in others}})
    return cases


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--steps", type=int, default=2, help="a round")
    parser.add_argument("--warmup", type=int, default=3, help="steps before the first round")
    parser.add_argument("--size", type=int, default=32)
    parser.add_argument("--batch", type=int, default=96)
    parser.add_argument("--case", action="append", choices=["train3", "train5", "weight", "arch"], help="only this (repeatable)")
    parser.add_argument("--output", default=os.path.join(ROOT, "docs/results/speed.json"))
    options = parser.parse_args()
    os.environ["OMP_NUM_THREADS"] = str(os.cpu_count())
    load = os.getloadavg()[0]
    if load > 1:
        print(f"peers: warning: load is {load:.1f}; only ratios mean something", file=sys.stderr)
    cases = []
    print(f"{'step':>8} {'kernel':>6} {'storage':>9} {'ours':>8} {'baseline':>9} {'ratio':>6} {'+-':>5}  images a second; baseline")
    for name in options.case or ["weight", "arch", "train3", "train5"]:
        step, kernel = (name[:-1], int(name[-1])) if name.startswith("train") else (name, 3)
        for case in run_case(step, kernel, options):
            cases.append(case)
            print(f"{step:>8} {case['kernel'] or '-':>6} {case['storage']:>9} {case['ours']:8.1f} {case['baseline']:9.1f} {case['ratio']:6.2f}"
                  f" {case['spread']:5.2f}  {case['baseline_name']}", flush=True)
    result = {"schema": "vpunas.speed/1", "command": " ".join(["bench/peers.py", *sys.argv[1:]]), **provenance(), "machine": machine(),
              "load_before": round(load, 2), "cases": cases}
    with open(options.output, "w") as file:
        json.dump(result, file, indent=2)
        file.write("\n")


if __name__ == "__main__":
    main()
