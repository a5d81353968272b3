#!/usr/bin/env python3
"""Published networks on MyriadX and on the CPU: does one device's favourite serve the other?

    bench/zoo.py [--rounds N] [--seconds S] [--saved]

Prices every network of the zoo that has a published accuracy on MyriadX (throughput, by the model) and
measures it on the CPU (latency, OpenVINO, all in turns; nothing else should run), and writes
docs/results/zoo.json, the table of docs/results.md and docs/images/zoo.svg; --saved makes these anew of
the times that zoo.json has.

Accuracies of different recipes cannot be compared, so fronts and favourites are of one family each: a
network is on a device's front if none of its family is faster and as accurate. The penalty of a front's
network on the other device is its time there by that of the fastest network of the family that is as
accurate.
"""
import argparse
import json
import math
import statistics
import subprocess

from provenance import ROOT, provenance, write_section

PROGRAM = ROOT / "build/release/vpunas"
RESULT, TABLE, PICTURE = (ROOT / path for path in (
    "docs/results/zoo.json", "docs/results.md", "docs/images/zoo.svg"))
DEVICES = ("MYRIADX", "CPU")
FAMILY = 4  # networks that a family needs for a front


def vpunas(*arguments):
    return json.loads(subprocess.run([PROGRAM, *map(str, arguments), "--json", "-"], check=True,
                                     stdout=subprocess.PIPE, text=True, cwd=ROOT).stdout)


def ranks(values):
    order = sorted(range(len(values)), key=values.__getitem__)
    result = [0.0] * len(values)
    for rank, index in enumerate(order):
        result[index] = rank
    return result


def spearman(a, b):
    """Without ties, as times have none."""
    return statistics.correlation(ranks(a), ranks(b))


def front(networks, device):
    return [n for n in networks
            if not any(m is not n and m[device] <= n[device] and m["top1"] >= n["top1"]
                       for m in networks)]


def penalty(network, networks, device):
    return network[device] / min(m[device] for m in networks if m["top1"] >= network["top1"])


def families(networks):
    by_name = {}
    for network in networks:
        by_name.setdefault(network["family"], []).append(network)
    return {name: some for name, some in by_name.items() if len(some) >= FAMILY}


def compare(networks):
    times = {device: [n[device] for n in networks] for device in DEVICES}
    spread = [max(n["cpu_rounds_ms"]) / min(n["cpu_rounds_ms"]) - 1 for n in networks]
    result = {"networks": len(networks), "cpu_rounds": len(networks[0]["cpu_rounds_ms"]),
              "cpu_rounds_differ": {"median": statistics.median(spread), "most": max(spread)},
              "spearman": spearman(times["MYRIADX"], times["CPU"]),
              "spearman_of_macs": {d: spearman([n["macs"] for n in networks], times[d])
                                   for d in DEVICES},
              "families": []}
    for name, some in families(networks).items():
        row = {"family": name, "networks": len(some),
               "spearman": spearman([n["MYRIADX"] for n in some], [n["CPU"] for n in some])}
        for here, there in (DEVICES, DEVICES[::-1]):
            penalties = {n["network"]: penalty(n, some, there) for n in front(some, here)}
            worst = max(penalties, key=penalties.get)
            row[f"front_of_{here}"] = list(penalties)
            row[f"penalty_on_{there}"] = {"mean": statistics.mean(penalties.values()),
                                          "worst": penalties[worst], "of": worst}
        result["families"].append(row)
    return result


def measure(rounds, seconds):
    listed = [n for n in vpunas("zoo", "list")["networks"] if n["top1"]]
    names = [n["network"] for n in listed]
    priced = vpunas("benchmark", *names, "-d", "MYRIADX", "--hint", "throughput")["rows"]
    timed = vpunas("benchmark", *names, "-d", "CPU", "-t", seconds, "--rounds", rounds)["rows"]
    for network, price, timing in zip(listed, priced, timed):
        medians = [r["median_ms"] for r in timing["measured"]["rounds"]]
        network |= {"MYRIADX": price["predicted"]["ms"], "low_ms": price["predicted"]["low_ms"],
                    "high_ms": price["predicted"]["high_ms"], "CPU": statistics.median(medians),
                    "cpu_rounds_ms": medians}
    return listed, timed[0]


def picture(networks):
    """Both planes, a panel a device: logarithmic time, a colour a family that has a front."""
    colours = dict(zip(families(networks), ("#0b62b0", "#b9500b", "#0a7a5c", "#96408a", "#a07800",
                                            "#c23b3b", "#3a8fa3", "#6b5b95")))
    width, height, left, top, gap = 470, 380, 46, 34, 40
    low, high = 56, 82
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {2 * width + gap} '
             f'{height + 84}" font-family="sans-serif" font-size="12" role="img" '
             'aria-label="Accuracy against time on MyriadX and on the CPU">'
             '<rect width="100%" height="100%" fill="#ffffff"/>']
    for panel, device in enumerate(DEVICES):
        times = [n[device] for n in networks if n["top1"] * 100 >= low]
        least, most = min(times) / 1.15, max(times) * 1.15
        origin = panel * (width + gap) + left

        def x(ms):
            return origin + (width - left) * math.log(ms / least) / math.log(most / least)

        def y(top1):
            return top + height * (high - 100 * top1) / (high - low)

        parts.append(f'<clipPath id="panel{panel}"><rect x="{origin}" y="{top}" '
                     f'width="{width - left}" height="{height}"/></clipPath>')
        title = "MyriadX, predicted" if device == "MYRIADX" else "this CPU, measured"
        parts.append(f'<text x="{origin}" y="18" font-size="14">{title}: top-1 of ImageNet as '
                     'published, %</text>')
        for tick in range(low + 4, high, 5):
            parts.append(f'<line x1="{origin}" x2="{origin + width - left}" y1="{y(tick / 100):.1f}"'
                         f' y2="{y(tick / 100):.1f}" stroke="#dde2e6"/><text x="{origin - 6}" '
                         f'y="{y(tick / 100) + 4:.1f}" text-anchor="end">{tick}</text>')
        for tick in (0.5, 1, 2, 5, 10, 20, 50, 100, 200):
            if least < tick < most:
                parts.append(f'<line x1="{x(tick):.1f}" x2="{x(tick):.1f}" y1="{top}" '
                             f'y2="{top + height}" stroke="#eef1f3"/><text x="{x(tick):.1f}" '
                             f'y="{top + height + 16}" text-anchor="middle">{tick} ms</text>')
        for name, colour in colours.items():
            line = sorted(front(families(networks)[name], device), key=lambda n: n[device])
            points = " ".join(f"{x(n[device]):.1f},{y(n['top1']):.1f}" for n in line)
            parts.append(f'<polyline points="{points}" fill="none" stroke="{colour}" '
                         f'stroke-opacity="0.6" clip-path="url(#panel{panel})"/>')
        for n in networks:
            if n["top1"] * 100 < low:
                continue
            colour = colours.get(n["family"], "#9aa5af")
            parts.append(f'<circle cx="{x(n[device]):.1f}" cy="{y(n["top1"]):.1f}" r="4" '
                         f'fill="{colour}"><title>{n["network"]}: {100 * n["top1"]:.1f} %, '
                         f'{n[device]:.2f} ms</title></circle>')
    at_x, at_y = left, top + height + 40
    for name, colour in [*colours.items(), ("other families", "#9aa5af")]:
        if at_x + 40 + 7 * len(name) > 2 * width:
            at_x, at_y = left, at_y + 20
        parts.append(f'<circle cx="{at_x}" cy="{at_y - 4}" r="5" fill="{colour}"/>'
                     f'<text x="{at_x + 10}" y="{at_y}">{name}</text>')
        at_x += 40 + 7 * len(name)
    PICTURE.write_text("\n".join([*parts, "</svg>\n"]))


def table(result):
    lines = [f"{result['networks']} networks; rank correlation of their times on MyriadX and on the "
             f"CPU {result['spearman']:.2f} (of multiply-accumulates with MyriadX "
             f"{result['spearman_of_macs']['MYRIADX']:.2f}, with the CPU "
             f"{result['spearman_of_macs']['CPU']:.2f}). The {result['cpu_rounds']} rounds on the CPU "
             f"differ by {100 * result['cpu_rounds_differ']['median']:.0f} % (median over networks; "
             f"at most {100 * result['cpu_rounds_differ']['most']:.0f} %).", "",
             "| family, one recipe each | networks | rank correlation | MyriadX's favourites on the "
             "CPU: mean, worst | the CPU's favourites on MyriadX: mean, worst |",
             "|---|---|---|---|---|"]
    for row in result["families"]:
        cells = [f"x{p['mean']:.2f}, x{p['worst']:.2f} ({p['of']})"
                 for p in (row["penalty_on_CPU"], row["penalty_on_MYRIADX"])]
        lines.append(f"| {row['family']} | {row['networks']} | {row['spearman']:.2f} | "
                     f"{cells[0]} | {cells[1]} |")
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=0.3)
    parser.add_argument("--saved", action="store_true", help="measure nothing")
    arguments = parser.parse_args()
    if arguments.saved:
        saved = json.loads(RESULT.read_text())
        networks, made = saved["list"], saved
    else:
        networks, timing = measure(arguments.rounds, arguments.seconds)
        made = {"schema": "vpunas.zoo_comparison/1",
                "command": f"bench/zoo.py --rounds {arguments.rounds} "
                           f"--seconds {arguments.seconds}",
                **provenance(), "runtime": timing["runtime"], "precision": timing["precision"]}
    result = compare(networks)
    RESULT.write_text(json.dumps({**made, **result, "list": networks}, indent=1) + "\n")
    picture(networks)
    write_section(TABLE, "zoo.py", table(result))


if __name__ == "__main__":
    main()
