#!/usr/bin/env python3
"""`vpunas benchmark` beside OpenVINO's own benchmark_app on the same IR files, interleaved: rounds in which one measures a network and
then the other, who begins changing from round to round, so that what disturbs the machine disturbs both. Both with the latency hint, one
request at a time, float32 input and the same inference precision. Prints a table and writes JSON.

  bench/benchmark_app.py [--rounds 9] [--seconds 3] [--precision f32] [--output docs/results/benchmark_app.json] [NETWORK...]"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile

from peers import middle, torch_environment
from provenance import ROOT, machine, provenance

NETWORKS = ["mobilenet_v2", "mobilenet_v3_large", "squeezenet1.1", "resnet18", "googlenet_v1"]
VPUNAS = os.path.join(ROOT, "build/release/vpunas")
# Runs benchmark_app with its own arguments and prints the figures before it rounds them, to 10 us.
UNROUNDED = """
import json
from openvino.tools.benchmark import main as app
measure = app.Benchmark.main_loop
def main_loop(*arguments):
    figures = measure(*arguments)
    print("FIGURES", json.dumps(figures[:5]))
    return figures
app.Benchmark.main_loop = main_loop
app.main()
"""


def run(command, environment=None):
    result = subprocess.run([str(part) for part in command], cwd=ROOT, capture_output=True, text=True,
                            env={**os.environ, **(environment or {})})
    if result.returncode:
        said = (result.stderr or result.stdout).strip().splitlines()
        sys.exit(f"benchmark_app: error: {' '.join(map(str, command[:3]))} failed: {said[-1] if said else 'without a word'}")
    return result.stdout


def ours(model, options):
    json_text = run([VPUNAS, "benchmark", model, "-d", options.device, "--hint", "latency", "-t", options.seconds,
                     "--warmup", 1, "--precision", options.precision, "--json", "-"])
    row, = json.loads(json_text)["rows"]
    measured = row["measured"]
    return {"median_ms": measured["median_ms"], "mean_ms": measured["mean_ms"], "least_ms": measured["least_ms"], "fps": measured["fps"],
            "runtime": row["runtime"], "precision": row["precision"]}


def theirs(model, options):
    text = run([os.path.join(ROOT, ".venv-dev/bin/python"), "-c", UNROUNDED, "-m", model, "-d", options.device, "-hint", "latency",
                "-t", options.seconds, "-infer_precision", options.precision, "-ip", "f32"], torch_environment())
    line = next((line for line in text.splitlines() if line.startswith("FIGURES ")), None)
    if line is None:
        sys.exit("benchmark_app: error: OpenVINO's benchmark_app gave no figures; is its version that of scripts/setup.sh?")
    fps, median, mean, least, _ = json.loads(line.removeprefix("FIGURES "))
    return {"median_ms": median, "mean_ms": mean, "least_ms": least, "fps": fps}


def case(name, rounds):
    """`rounds`: pairs of ours and theirs."""
    def pair(key):
        return {"ours": round(statistics.median(mine[key] for mine, _ in rounds), 4),
                "benchmark_app": round(statistics.median(other[key] for _, other in rounds), 4)}
    ratio, spread = middle([mine["median_ms"] / other["median_ms"] for mine, other in rounds])
    return {"network": name, "precision": rounds[0][0]["precision"], "median_ms": pair("median_ms"), "mean_ms": pair("mean_ms"),
            "least_ms": pair("least_ms"), "fps": pair("fps"), "ratio": round(ratio, 4), "spread": round(spread, 4),
            "rounds": [{"ours_ms": round(mine["median_ms"], 4), "benchmark_app_ms": round(other["median_ms"], 4)} for mine, other in rounds]}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("networks", nargs="*", metavar="NETWORK", default=NETWORKS)
    parser.add_argument("--device", default="CPU")
    parser.add_argument("--rounds", type=int, default=9, help="2 or more")
    parser.add_argument("--seconds", type=int, default=3, help="of one measurement; benchmark_app takes whole seconds")
    parser.add_argument("--precision", default="f32", choices=["f32", "f16", "bf16"])
    parser.add_argument("--output", default=os.path.join(ROOT, "docs/results/benchmark_app.json"))
    options = parser.parse_args()
    if options.rounds < 2 or options.seconds < 1:
        parser.error("--rounds must be 2 or more, --seconds 1 or more")
    load = os.getloadavg()[0]
    if load > 1:
        print(f"benchmark_app: warning: load is {load:.1f}; only ratios mean something", file=sys.stderr)
    with tempfile.TemporaryDirectory() as folder:
        run([VPUNAS, "export", *options.networks, "-o", folder])
        rounds = {name: [] for name in options.networks}
        for index in range(options.rounds):
            for name, pairs in rounds.items():
                model = os.path.join(folder, name, "model.xml")
                if index % 2 == 0:
                    mine = ours(model, options)
                    pairs.append((mine, theirs(model, options)))
                else:
                    other = theirs(model, options)
                    pairs.append((ours(model, options), other))
            print(f"round {index + 1} of {options.rounds}", file=sys.stderr, flush=True)
    cases = [case(name, pairs) for name, pairs in rounds.items()]
    print(f"{'network':>20} {'ours ms':>9} {'theirs ms':>9} {'ratio':>6} {'+-':>6}")
    for c in cases:
        print(f"{c['network']:>20} {c['median_ms']['ours']:9.3f} {c['median_ms']['benchmark_app']:9.3f} {c['ratio']:6.3f} {c['spread']:6.3f}")
    result = {"schema": "vpunas.benchmark_app/1", "command": " ".join(["bench/benchmark_app.py", *sys.argv[1:]]), **provenance(),
              "machine": machine(), "load_before": round(load, 2), "device": options.device,
              "runtime": next(iter(rounds.values()))[0][0]["runtime"], "mode": "latency", "seconds": options.seconds, "cases": cases}
    with open(options.output, "w") as file:
        json.dump(result, file, indent=2)
        file.write("\n")


if __name__ == "__main__":
    main()
