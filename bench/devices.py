#!/usr/bin/env python3
"""Writes docs/results/devices.json from tables of `vpunas profile --space`: how well each predicts networks it was not fitted to.

  bench/devices.py COMMAND=LATENCY.json... [--output docs/results/devices.json]"""

import argparse
import json
import os

from provenance import ROOT, machine, provenance


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("tables", nargs="+", metavar="COMMAND=TABLE")
    parser.add_argument("--output", default=os.path.join(ROOT, "docs/results/devices.json"))
    options = parser.parse_args()
    rows = []
    for text in options.tables:
        command, path = text.rsplit("=", 1)
        table = json.load(open(path))
        check = table["check"]
        input_side = max(end["input"][1] for end in table["blocks"]) * 2
        rows.append({"command": command, "device": table["device"], "runtime": table["runtime"], "mode": table["mode"], "date": table["date"],
                     "space": table["space"], "input": input_side, "repeats": table["repeats"],
                     **{key: value for key, value in check.items() if key != "networks"},
                     "networks": [{"predicted_ms": n["predicted_ms"], "measured_ms": sum(n["measured_ms"]) / len(n["measured_ms"]),
                                   "measurements_ms": n["measured_ms"]} for n in check["networks"]]})
        print(f"{table['device']} {input_side} px: {100 * check['mean_abs_error']:.2f} % off, Spearman {check['spearman']:.4f}; "
              f"again: {100 * check['repeat_mean_abs_difference']:.2f} %, {check['repeat_spearman']:.4f}")
    with open(options.output, "w") as file:
        json.dump({"schema": "vpunas.devices/1", **provenance(), "machine": machine(), "resolutions": rows}, file, indent=1)
        file.write("\n")


if __name__ == "__main__":
    main()
