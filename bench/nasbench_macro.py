#!/usr/bin/env python3
"""Searches on NAS-Bench-Macro, judges the choices and writes docs/results/nasbench_macro.json.

    bench/nasbench_macro.py IMAGES TABLE [--seeds 1 2 3] [--minutes 40]
                            [--algorithms linear trained_alone ...] [--output FILE]

build/release/nasbench_macro searches on IMAGES (CIFAR-10), at most so many minutes a seed; call it
again to go on. A seed that has all choices asked for is kept in docs/results/nasbench_macro, to be
committed, so that another machine can go on with the others; to repeat it remove its file there and
what runs/nasbench has of it. TABLE is nas-bench-macro_cifar10.json of xiusu/NAS-Bench-Macro (6,561
trained networks with their accuracy). Regret is the accuracy of the best network within the budget
minus that of the network found, in percentage points.
"""
import argparse
import json
import pathlib
import random
import shutil
import statistics
import subprocess
import sys

from provenance import ROOT, machine, provenance

PROGRAM = ROOT / "build/release/nasbench_macro"
FOLDER = ROOT / "runs/nasbench"
PIECES = ROOT / "docs/results/nasbench_macro"
RESULT = ROOT / "docs/results/nasbench_macro.json"
ALGORITHMS = ["linear", "trained_alone", "gates", "gumbel", "random", "evolution"]


def has_more(local, piece):
    """Has this machine gone on from the piece, or does it make another by a new recipe?"""
    if not local.exists():
        return False
    here, kept = json.load(open(local)), json.load(open(piece))
    return here["recipe"] != kept["recipe"] or len(here["runs"]) > len(kept["runs"])


def search(images, seed, minutes, algorithms):
    """The seed's choices, or None where its time was up before it had all."""
    name = f"seed_{seed}.json"
    local, piece = FOLDER / name, PIECES / name
    FOLDER.mkdir(parents=True, exist_ok=True)
    if piece.exists() and not has_more(local, piece):
        shutil.copy(piece, local)
    epochs = "4"
    code = subprocess.run([PROGRAM, images, FOLDER, str(seed), str(minutes), epochs,
                           *algorithms]).returncode
    if code == 130:
        return None
    if code != 0:
        sys.exit(code)
    found = json.load(open(local))
    if not piece.exists() or found["runs"] != json.load(open(piece))["runs"]:
        found |= provenance() | {"machine": machine()}
        PIECES.mkdir(exist_ok=True)
        piece.write_text(json.dumps(found, indent=1) + "\n")
    return found


def rules(networks, prices, budget):
    """Regrets of choices without any search, and of ones that train networks, by name."""
    feasible = [name for name in prices if prices[name] <= budget]
    accuracy = {name: networks[name]["mean_acc"] for name in feasible}
    best = max(accuracy.values())
    macs = {name: networks[name]["flops"] for name in feasible}
    draw = random.Random(1)

    def best_of(count):
        return statistics.median(best - max(accuracy[draw.choice(feasible)] for _ in range(count))
                                 for _ in range(2000))

    return best, {
        "fewest skips, then largest MACs":
            best - accuracy[min(feasible, key=lambda name: (name.count("0"), -macs[name]))],
        "largest MACs": best - accuracy[max(feasible, key=macs.get)],
        "a random network, mean": best - statistics.mean(accuracy.values()),
        "best of 10 random trained networks, median": best_of(10),
        "best of 100 random trained networks, median": best_of(100),
    }


def summary(runs, device, algorithm, budgets):
    """Regret by budget (median of seeds), and averaged over budgets (each seed, median)."""
    seeds = {}
    for run in runs:
        if run["device"] == device and run["algorithm"] == algorithm:
            seeds.setdefault(run["seed"], {})[run["budget"]] = run["regret"]
    whole = {seed: regrets for seed, regrets in seeds.items() if set(regrets) == set(budgets)}
    if not whole:
        return None
    means = {seed: statistics.mean(regrets.values()) for seed, regrets in whole.items()}
    return {"device": device, "algorithm": algorithm, "seeds": sorted(whole),
            "regret": {str(b): statistics.median(r[b] for r in whole.values()) for b in budgets},
            "mean_regret": [means[seed] for seed in sorted(means)],
            "median_mean_regret": statistics.median(means.values()),
            "worst_regret": max(max(r.values()) for r in whole.values())}


def rounded(value):
    if isinstance(value, float):
        return round(value, 4)
    if isinstance(value, dict):
        return {key: rounded(of) for key, of in value.items()}
    return [rounded(of) for of in value] if isinstance(value, list) else value


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("images", type=pathlib.Path)
    parser.add_argument("table", type=pathlib.Path)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--minutes", type=float, default=40, help="a seed (default: 40)")
    parser.add_argument("--algorithms", nargs="+", choices=ALGORITHMS, default=ALGORITHMS,
                        help="only these (default: all); trained_alone needs linear")
    parser.add_argument("--output", type=pathlib.Path, default=RESULT)
    arguments = parser.parse_args()
    table = json.load(open(arguments.table))
    pieces = [search(arguments.images, seed, arguments.minutes, arguments.algorithms)
              for seed in arguments.seeds]
    if None in pieces:
        sys.exit("nasbench_macro: not all seeds have their choices yet; call again to go on")
    prices = json.load(open(FOLDER / "prices.json"))
    prices.pop("schema")
    seeds = " ".join(map(str, arguments.seeds))
    result = {"schema": "vpunas.nasbench_macro/1",
              "command": f"bench/nasbench_macro.py CIFAR10 TABLE --seeds {seeds} --algorithms "
                         + " ".join(arguments.algorithms), **provenance(),
              "supernets": [], "runs": [], "summary": [], "rules": []}
    best = {}
    for device, priced in prices.items():
        for budget in priced["budgets"]:
            best[device, budget], regrets = rules(table, priced["networks"], budget)
            result["rules"].append({"device": device, "budget": budget,
                                    "best_accuracy": best[device, budget], "regret": regrets})
    for piece in pieces:
        seed, cost = piece["supernet"]["seed"], piece["supernet"]["cost"]
        result["supernets"].append({"seed": seed, "images_seen": cost["images"],
                                    "core_seconds": cost["core_seconds"]}
                                   | {key: piece[key]
                                      for key in ("trained_alone", "correction", "commit", "date",
                                                  "machine")
                                      if key in piece})
        for run in piece["runs"]:
            if run["algorithm"] not in arguments.algorithms:
                continue
            accuracy = table[run["architecture"]]["mean_acc"]
            key = "budget_mmacs" if run["device"] == "MACS" else "budget_ms"
            result["runs"].append({
                "seed": seed, "device": run["device"], "budget": run["budget"], key: run["budget"],
                "architecture": run["architecture"], "algorithm": run["algorithm"],
                "images_seen": run["cost"]["images"], "core_seconds": run["cost"]["core_seconds"],
                "price": run["price"], "accuracy": accuracy,
                "regret": best[run["device"], run["budget"]] - accuracy})
    for device, priced in prices.items():
        names = dict.fromkeys(run["algorithm"] for run in result["runs"])
        rows = [summary(result["runs"], device, name, priced["budgets"]) for name in names]
        result["summary"] += [row for row in rows if row]
        print(f"{device}: regret at {', '.join(map(str, priced['budgets']))}; "
              "mean over budgets, median of seeds; worst")
        for row in filter(None, rows):
            print(f"  {row['algorithm']:44}", *(f"{x:6.2f}" for x in row["regret"].values()),
                  f"{row['median_mean_regret']:8.2f} {row['worst_regret']:6.2f}",
                  f"  seeds {row['seeds']}")
        of_device = [rule["regret"] for rule in result["rules"] if rule["device"] == device]
        for name in of_device[0]:
            regrets = [rule[name] for rule in of_device]
            print(f"  {name:44}", *(f"{x:6.2f}" for x in regrets),
                  f"{statistics.mean(regrets):8.2f} {max(regrets):6.2f}")
    for run in result["runs"]:
        run.pop("budget")
    arguments.output.write_text(json.dumps(rounded(result), indent=1) + "\n")
    print(arguments.output)


if __name__ == "__main__":
    main()
