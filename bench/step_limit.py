#!/usr/bin/env python3
"""How fast a training step in bfloat16 could be on this machine, and how fast ours is, in rounds of both.

  bench/step_limit.py [--size 224] [--batch 16] [--kernel 3] [--rounds 5] [--output docs/results/step_limit.jsonl]

A step of a MobileNetV2-like network takes at least
  products    its 1x1 convolutions' three matrix products, each at the rate torch.mm attains for that shape alone, in bfloat16
              or float32, whichever is faster
  depthwise   its depthwise convolutions' three passes, at the rate of a large float32 torch.mm
  memory      every raw output of a convolution written once and read three times (by the next convolution; backward by it
              and by its own batch norm), every gradient written and read once, at the rate of a large copy
one after the other ("in turn"), or, at the very best, memory beside the rest ("at once"). Needs `make bench-peers`'s .venv-bench."""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time

from peers import ours, torch_environment
from provenance import ROOT, machine, provenance

BLOCKS = [(1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1)]


def layers(size, kernel):
    """(kind, pixels, inputs, outputs) of every convolution; "1x1" or "depthwise"."""
    small = size < 64
    side, width = (size if small else size // 2), 32
    result = [("stem", side * side, 27, width)]
    for index, (expansion, channels, count, stride) in enumerate(BLOCKS):
        for repeat in range(count):
            wide = width * expansion
            if expansion > 1:
                result.append(("1x1", side * side, width, wide))
            if repeat == 0 and stride == 2 and not (small and index == 1):
                side = (side + 1) // 2
            result.append(("depthwise", side * side, kernel * kernel, wide))
            result.append(("1x1", side * side, wide, channels))
            width = channels
    return result + [("1x1", side * side, width, 1280)]


def rates():
    """Runs where torch is: answers each line of JSON, {"copy": MB} or {"mm": [m, k, n, type]}, with seconds."""
    import torch
    for line in sys.stdin:
        what = json.loads(line)
        if "copy" in what:
            x = torch.ones(what["copy"] << 19, dtype=torch.bfloat16)
            y = torch.empty_like(x)
            call = lambda: y.copy_(x)
        else:
            m, k, n, kind = what["mm"]
            a, b = (torch.ones(shape, dtype=getattr(torch, kind)) for shape in ((m, k), (k, n)))
            c = torch.empty((m, n), dtype=a.dtype)
            call = lambda: torch.mm(a, b, out=c)
        seconds = []
        for _ in range(8):
            start = time.perf_counter()
            call()
            seconds.append(time.perf_counter() - start)
        print(statistics.median(seconds[2:]), flush=True)


def limits(options, ask, dtypes):
    """Seconds of a step's parts."""
    parts = {"products": 0.0, "depthwise": 0.0, "memory": 0.0}
    copy = (256 << 20) * 2 / ask({"copy": 256})  # bytes read and written a second
    large = 2 * 1024**3 / ask({"mm": [1024, 1024, 1024, "float32"]})
    flops = 0
    for kind, pixels, inputs, outputs in layers(options.size, options.kernel):
        m = pixels * options.batch
        elements = m * outputs
        parts["memory"] += elements * 2 * (1 + 3 + 2) / copy
        if kind == "depthwise":
            parts["depthwise"] += 3 * 2 * elements * inputs / large
            continue
        # y = x w; dx = dy w'; dw = x' dy. The stem has no gradient of its input.
        shapes = [(m, inputs, outputs), (m, outputs, inputs), (inputs, m, outputs)]
        for shape in shapes if kind == "1x1" else [shapes[0], shapes[2]]:
            parts["products"] += min(ask({"mm": [*shape, dtype]}) for dtype in dtypes)
            flops += 2 * m * inputs * outputs
    return parts | {"copy_gb_s": copy * 1e-9, "mm_float32_gf_s": large * 1e-9, "products_gf_s": flops / parts["products"] * 1e-9}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=int, default=224)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--kernel", type=int, default=3)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--output", default=os.path.join(ROOT, "docs/results/step_limit.jsonl"))
    options = parser.parse_args()
    os.environ["OMP_NUM_THREADS"] = str(os.cpu_count())
    rates_of = subprocess.Popen([os.path.join(ROOT, ".venv-bench/bin/python"), __file__, "rates"], cwd=ROOT, text=True,
                                stdin=subprocess.PIPE, stdout=subprocess.PIPE, env={**os.environ, **torch_environment()})

    def ask(what):
        print(json.dumps(what), file=rates_of.stdin, flush=True)
        return float(rates_of.stdout.readline())

    # Without instructions for it, products in bfloat16 take many times those in float32.
    seconds = {dtype: ask({"mm": [4096, 96, 576, dtype]}) for dtype in ("bfloat16", "float32")}
    dtypes = [dtype for dtype in seconds if seconds[dtype] < 2 * min(seconds.values())]

    step = ours("train", options.size, options.batch, options.kernel, "bfloat16")
    step.seconds(3)
    rounds = []
    for _ in range(options.rounds):
        found = limits(options, ask, dtypes)
        compute = found["products"] + found["depthwise"]
        found["in_turn"] = options.batch / (compute + found["memory"])
        found["at_once"] = options.batch / max(compute, found["memory"])
        found["ours"] = options.batch * 3 / step.seconds(3)
        rounds.append(found)
    middle = {key: statistics.median(r[key] for r in rounds) for key in rounds[0]}
    middle["share_in_turn"] = statistics.median(r["ours"] / r["in_turn"] for r in rounds)
    middle["share_at_once"] = statistics.median(r["ours"] / r["at_once"] for r in rounds)
    for key, value in middle.items():
        print(f"{key:>16} {value:9.4f}")
    with open(options.output, "a") as file:  # a line a call
        print(json.dumps({"schema": "vpunas.step_limit/1", "command": " ".join(["bench/step_limit.py", *sys.argv[1:]]), **provenance(),
                          "machine": machine(), **{k: round(v, 4) for k, v in middle.items()}}), file=file)


if __name__ == "__main__":
    rates() if sys.argv[1:] == ["rates"] else main()
