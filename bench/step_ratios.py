#!/usr/bin/env python3
"""What steps of a supernet cost beside training steps of the networks that it samples, interleaved as in peers.py. Prints ratios of
time (median over rounds, and half of the range of the middle half) and of peak memory.

  bench/step_ratios.py [--rounds 5] [--size 32] [--batch 96]"""

import argparse
import os

from peers import middle, ours

STEPS = 14  # every candidate of every slot twice, and the networks of `sampled` once


def peak_megabytes(step, options):
    contender = ours(step, options.size, options.batch, 3, "bfloat16")
    contender.seconds(STEPS)
    contender.process.stdin.close()
    _, _, usage = os.wait4(contender.process.pid, 0)
    return usage.ru_maxrss / 1000


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--size", type=int, default=32)
    parser.add_argument("--batch", type=int, default=96)
    options = parser.parse_args()
    os.environ["OMP_NUM_THREADS"] = str(os.cpu_count())
    steps = {step: ours(step, options.size, options.batch, 3, "bfloat16") for step in ("sampled", "weight", "arch")}
    for contender in steps.values():
        contender.seconds(STEPS)
    for _ in range(options.rounds):
        for contender in steps.values():
            contender.rates.append(STEPS / contender.seconds(STEPS))
    for contender in steps.values():
        contender.close()
    sampled_memory = peak_megabytes("train", options)
    for step in ("weight", "arch"):
        ratio, spread = middle([a / b for a, b in zip(steps["sampled"].rates, steps[step].rates)])
        print(f"{step:6}  {ratio:.2f} +- {spread:.2f} of the time of sampled networks' steps, "
              f"{peak_megabytes(step, options) / sampled_memory:.2f} of the memory of training one network")


if __name__ == "__main__":
    main()
