"""Fits the constants of the MyriadX time model (src/myriadx/time.h) to published measurements.

Reads what `vpunas explain NETWORK --json -` says of every stage of the networks of data/myriadx_targets.csv
(two streams), data/myriadx_sync.csv (one request at a time) and data/myriadx_layers.csv (single layers), fits,
judges by leaving networks and families out, and writes data/myriadx.json and docs/results/myriadx_fit.json.
The model and how it was found: docs/myriadx.md, "Time".
"""
import argparse
import csv
import dataclasses
import json
import pathlib
import subprocess
import sys

import numpy as np
from scipy.optimize import least_squares

ROOT = pathlib.Path(__file__).resolve().parent.parent
CONSTANTS = ["clock_mhz", "weight_gb_s", "input_gb_s", "stage_us", "shave_gb_s", "host_ms"]
START = dict(clock_mhz=700.0, weight_gb_s=5.0, input_gb_s=3.0, stage_us=25.0, shave_gb_s=4.0, host_ms=2.5,
             sum_gb_s=4.0, shave_stage_us=25.0, copy_gb_s=20.0, reread=1.0)
FITTED = ["weight_gb_s", "input_gb_s", "stage_us", "shave_gb_s", "host_ms"]  # the clock is Intel's figure
SOFT = 0.05  # relative error of the model; errors beyond what it and the measurement explain count linearly
Z90 = 1.645


@dataclasses.dataclass(frozen=True)
class Form:
    """A form of the model. The first of FORMS is the model; the others are what it was compared with."""
    name: str
    pixel_step: int = 8        # pixels of a row that the NCE computes at a time
    burst_bytes: int = 128     # a row read from DDR is rounded up to it
    reread: bool = True        # an input in DDR is read for every descriptor
    combine: str = "max"       # of computing and memory: max or sum
    shadow: str = "all"        # stages in a shadow that pay stage_us: all, dma, none
    extra: tuple = ()          # further constants that are fitted


FORMS = [
    Form("the model"),
    Form("rows computed as they are", pixel_step=1),
    Form("rows in steps of 4 pixels", pixel_step=4),
    Form("rows in steps of 16 pixels", pixel_step=16),
    Form("DDR reads without bursts", burst_bytes=1),
    Form("bursts of 64 bytes", burst_bytes=64),
    Form("bursts of 256 bytes", burst_bytes=256),
    Form("neither steps nor bursts (the study's form)", pixel_step=1, burst_bytes=1, shadow="none"),
    Form("inputs read once", reread=False),
    Form("computing and memory add up", combine="sum"),
    Form("copies in a shadow pay, SHAVE stages there do not", shadow="dma"),
    Form("stages in a shadow are free", shadow="none"),
    Form("clock fitted", extra=("clock_mhz",)),
    Form("inputs read descriptors^x times, x fitted", extra=("reread",)),
    Form("copies pay for bytes", extra=("copy_gb_s",)),
    Form("two SHAVE rates: sums and products, others", extra=("sum_gb_s",)),
    Form("two stage costs: SHAVE, others", extra=("shave_stage_us",)),
]


class Stages:
    """The stages of several networks as arrays."""

    def __init__(self, networks):
        rows = [(i, s) for i, network in enumerate(networks) for s in network]
        get = lambda f: np.array([f(s) for _, s in rows], float)
        self.count = len(networks)
        self.network = np.array([i for i, _ in rows])
        engine = np.array([s["engine"] for _, s in rows])
        self.nce, self.shave, self.dma = engine == "NCE", engine == "SHAVE", engine == "DMA"
        self.cycles = get(lambda s: s["cycles"])
        pooled = get(lambda s: 2 if s["output_pixels"] > s["out"][1] * s["out"][2] else 1)
        self.width = np.maximum(1, get(lambda s: s["out"][2]) * pooled)
        self.weights = get(lambda s: s["weight_bytes"])
        self.reads = np.where(self.weights > 0, get(lambda s: s["descriptors"]), 1)
        self.row = 2 * get(lambda s: s["in"][2])
        ddr = get(lambda s: s["in_location"] == "DDR")
        self.rows = ddr * self.nce * get(lambda s: s["in"][0] * s["in"][1])
        self.bytes = get(lambda s: s["bytes"])
        self.copied = get(lambda s: s["in_bytes"])
        self.adds = np.array([s["op"] in ("Sum", "Prod") for _, s in rows])
        self.shadow = np.array([s["in_shadow_of"] is not None for _, s in rows])
        self.host = np.array(hosts(networks))

    def milliseconds(self, c, form):
        """Of every network."""
        step, burst = form.pixel_step, form.burst_bytes
        compute = self.cycles * np.ceil(self.width / step) * step / self.width / (c["clock_mhz"] * 1e3)
        reads = self.reads ** c["reread"] if form.reread else 1
        memory = (self.weights / (c["weight_gb_s"] * 1e6) +
                  np.ceil(self.row / burst) * burst * self.rows * reads / (c["input_gb_s"] * 1e6))
        work = np.where(self.nce, np.maximum(compute, memory) if form.combine == "max" else compute + memory, 0)
        rate = np.where(self.adds, c["sum_gb_s" if "sum_gb_s" in form.extra else "shave_gb_s"], c["shave_gb_s"])
        work = np.where(self.shave, self.bytes / (rate * 1e6), work)
        if "copy_gb_s" in form.extra:
            work = np.where(self.dma, self.copied / (c["copy_gb_s"] * 1e6), work)
        work = np.where(self.shadow, np.maximum(0, work - work[self.host]), work)
        pays = ~self.shadow | (form.shadow == "all") | ((form.shadow == "dma") & self.dma)
        stage_us = np.where(self.shave, c["shave_stage_us" if "shave_stage_us" in form.extra else "stage_us"],
                            c["stage_us"])
        return np.bincount(self.network, work + pays * stage_us / 1e3, self.count) + c["host_ms"]


def hosts(networks):
    """Index of the NCE stage in whose shadow a stage runs, of itself for others."""
    result, begin = [], 0
    for network in networks:
        last = {}
        for i, stage in enumerate(network):
            result.append(begin + (last[stage["in_shadow_of"]] if stage["in_shadow_of"] else i))
            last[stage["stage"]] = i
        begin += len(network)
    return result


class Sample:
    """Networks with measured times, their families and the spread (relative) of each measurement over releases."""

    def __init__(self, networks, measured, families, spread=None):
        self.networks, self.families = list(networks), list(families)
        self.measured = np.array(measured, float)
        self.spread = np.zeros(len(self.networks)) if spread is None else np.array(spread, float)

    def pick(self, indices):
        return Sample([self.networks[i] for i in indices], self.measured[indices],
                      [self.families[i] for i in indices], self.spread[indices])

    def predict(self, constants, form):
        return Stages(self.networks).milliseconds(constants, form)


def fit(sample, form=FORMS[0], fitted=None, start=START):
    """The constants that bring the predictions closest to the measurements, in relative error: a sum of squares that
    turns linear for errors far beyond the model's and the measurement's own, so that no odd network decides."""
    stages, logs, scale = Stages(sample.networks), np.log(sample.measured), np.hypot(SOFT, sample.spread)
    names = list(fitted or FITTED) + list(form.extra)

    def residuals(z):
        error = np.log(stages.milliseconds({**start, **dict(zip(names, np.exp(z)))}, form)) - logs
        return np.sign(error) * np.sqrt(2 * (np.sqrt(1 + (error / scale) ** 2) - 1))

    begin = np.log([start[n] for n in names])
    z = least_squares(residuals, begin, bounds=(begin - 3, begin + 3)).x  # a factor of 20: keeps odd bootstrap draws finite
    return {**start, **dict(zip(names, np.exp(z)))}


def left_out(sample, groups, form=FORMS[0], fitted=None, start=START):
    """Predictions of every network by constants that were fitted without its group."""
    groups, predicted = np.array(groups), np.zeros(len(sample.networks))
    for group in sorted(set(groups)):
        out = np.flatnonzero(groups == group)
        constants = fit(sample.pick(np.flatnonzero(groups != group)), form, fitted, start)
        predicted[out] = sample.pick(out).predict(constants, form)
    return predicted


def each(sample):
    return range(len(sample.networks))


def form_chosen_too(sample):
    """Family left out, and the form chosen without it, too: by leaving out one network of the rest at a time."""
    families, predicted, chosen = np.array(sample.families), np.zeros(len(sample.networks)), {}
    for family in sorted(set(families)):
        out, rest = np.flatnonzero(families == family), sample.pick(np.flatnonzero(families != family))
        best = min(FORMS, key=lambda form: np.abs(left_out(rest, each(rest), form) / rest.measured - 1).mean())
        predicted[out] = sample.pick(out).predict(fit(rest, best), best)
        chosen[family] = best.name
    return predicted, chosen


def intervals(sample, groups, fitted=None, start=START, draws=200):
    """90 % bootstrap intervals of the constants, groups drawn with replacement."""
    random, names, groups = np.random.default_rng(1), list(fitted or FITTED), np.array(groups)
    kinds, fits = sorted(set(groups)), []
    while len(fits) < draws:
        drawn = np.concatenate([np.flatnonzero(groups == k) for k in random.choice(kinds, len(kinds))])
        if len(set(drawn)) > len(names):
            fits.append(fit(sample.pick(drawn), fitted=fitted, start=start))
    return {n: np.percentile([f[n] for f in fits], [5, 95]) for n in names}


def error_parts(errors, families):
    """Standard deviations: a network's own error within its family, and what a family shares."""
    groups = [errors[[f == family for f in families]] for family in sorted(set(families))]
    several = [g for g in groups if len(g) > 1]
    own = np.sqrt(sum(((g - g.mean()) ** 2).sum() for g in several) / sum(len(g) - 1 for g in several))
    return own, np.sqrt(max(0, (errors ** 2).mean() - own ** 2))


def summary(predicted, measured):
    error = predicted / measured - 1
    return {"mean_abs_error": round(float(np.abs(error).mean()), 4),
            "rms_error": round(float(np.sqrt((error ** 2).mean())), 4),
            "worst": round(float(np.abs(error).max()), 4),
            "within_10_percent": round(float((np.abs(error) <= 0.1).mean()), 4)}


def read_csv(name):
    with open(ROOT / "data" / name, newline="") as file:
        return list(csv.DictReader(file))


def explain(program, network):
    """The stages of a network; `network` is a name of the zoo or a file."""
    done = subprocess.run([program, "explain", str(network), "--no-what-if", "--json", "-"], capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"calibrate: {done.stderr.strip()}")
    return json.loads(done.stdout)["stages"]


def zoo_by_measurement():
    """Zoo names by the "row/framework" that they stand for."""
    names = {}
    for path in sorted((ROOT / "data/zoo").glob("*.json")):
        for network in json.loads(path.read_text())["networks"]:
            form = network.get("architecture") or network.get("graph") or network["variant"]
            for row in network.get("measured", []):
                names[row] = form["name"]
    return names


def layer_stages(program, row, folder):
    """The NCE stages of a single layer."""
    c, h, w, k = (int(row[n]) for n in ("in_channels", "height", "width", "kernel"))
    words = f"depthwise k{k} bias" if row["kind"] == "depthwise" else f"linear c{row['out_channels']}"
    path = folder / f"{row['kind']}_{c}x{h}x{w}_{row['out_channels']}_k{k}.json"
    path.write_text(json.dumps({"schema": "vpunas.graph/1", "name": path.stem, "input": [c, h, w], "layers": [words]}))
    return [s for s in explain(program, path) if s["engine"] == "NCE"]


def rounded(value, digits=4):
    return float(f"{value:.{digits}g}")


def constants_json(constants, sources, bounds):
    units = dict(clock_mhz="MHz", weight_gb_s="GB/s", input_gb_s="GB/s", stage_us="us", shave_gb_s="GB/s", host_ms="ms")
    result = {}
    for name in CONSTANTS:
        value = rounded(constants[name])
        low, high = (rounded(b) for b in bounds.get(name, (value, value)))
        result[name] = {"value": value, "low": min(low, value), "high": max(high, value), "unit": units[name],
                        "source": sources.get(name, sources["*"])}
    return result


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--program", default=ROOT / "build/release/vpunas", type=pathlib.Path)
    parser.add_argument("--forms", action="store_true", help="also judge the other forms of the model (minutes)")
    options = parser.parse_args()
    if not options.program.exists():
        sys.exit(f"calibrate: {options.program} is not there: make build")
    zoo = zoo_by_measurement()
    known = {}

    def stages_of(row):
        key = f"{row['row']}/{row['framework']}"
        if key not in zoo:
            sys.exit(f"calibrate: no network of data/zoo stands for {key}")
        if key not in known:
            known[key] = explain(options.program, zoo[key])
        return known[key]

    # Two streams: the model's own fit.
    targets = read_csv("myriadx_targets.csv")
    number = lambda row, name: float(row[name])
    sample = Sample([stages_of(t) for t in targets], [number(t, "measured_ms") for t in targets],
                    [t["family"] for t in targets],
                    [(number(t, "high_ms") - number(t, "low_ms")) / 2 / number(t, "measured_ms") for t in targets])
    measured, families = sample.measured, sample.families
    constants = fit(sample)
    fitted = sample.predict(constants, FORMS[0])
    one_out, family_out = left_out(sample, each(sample)), left_out(sample, families)
    own_error, family_error = error_parts(family_out / measured - 1, families)
    half = Z90 * np.hypot(own_error, family_error)
    bounds = intervals(sample, families)

    # One request at a time: an older release, other constants.
    sync = read_csv("myriadx_sync.csv")
    alone_sample = Sample([stages_of(s) for s in sync], [number(s, "measured_ms") for s in sync], [s["family"] for s in sync])
    start = {**START, "weight_gb_s": 10.0, "input_gb_s": 5.0, "stage_us": 20.0, "host_ms": 7.0}
    alone = fit(alone_sample, start=start)
    alone_out = left_out(alone_sample, each(alone_sample), start=start)
    alone_bounds = intervals(alone_sample, each(alone_sample), start=start)

    # Single layers by the chip's profiler: what a stage costs without what lies between stages.
    layers = read_csv("myriadx_layers.csv")
    folder = ROOT / "build/layers"
    folder.mkdir(parents=True, exist_ok=True)
    layer_sample = Sample([layer_stages(options.program, r, folder) for r in layers],
                          [number(r, "measured_ms") for r in layers], [r["kind"] for r in layers])
    used = layer_sample.pick([i for i, r in enumerate(layers) if r["fitted"] == "yes"])
    layer_start = {**alone, "host_ms": 0.0, "stage_us": 12.0}
    layer_fit = ["clock_mhz", "weight_gb_s", "stage_us"]
    profile = fit(used, fitted=layer_fit, start=layer_start)
    profile_bounds = intervals(used, each(used), layer_fit, layer_start)
    layer_predicted = layer_sample.predict(profile, FORMS[0])

    # Rows that nothing was fitted to: the same networks by other frameworks.
    checks = []
    for row in read_csv("myriadx_checks.csv"):
        predicted = Stages([stages_of(row)]).milliseconds(constants, FORMS[0])[0]
        ms = float(row["measured_ms"])
        checks.append({"row": row["row"], "framework": row["framework"], "measured_ms": ms,
                       "predicted_ms": rounded(predicted), "error": rounded(predicted / ms - 1, 3)})

    mobile = np.array([f == "mobilenet" for f in families])
    result = {
        "schema": "vpunas.myriadx_fit/1",
        "command": "make calibrate",
        **{k: summary(one_out, measured)[k] for k in ("mean_abs_error", "within_10_percent")},
        "mobile_mean_abs_error": summary(one_out[mobile], measured[mobile])["mean_abs_error"],
        "fitted": summary(fitted, measured),
        "network_left_out": summary(one_out, measured),
        "family_left_out": summary(family_out, measured),
        "mobile_family_left_out": summary(family_out[mobile], measured[mobile]),
        "within_interval": rounded(float((np.abs(measured / family_out - 1) <= half).mean()), 3),
        "networks": [{"name": zoo[f"{t['row']}/{t['framework']}"], "family": f, "measured_ms": m, "predicted_ms": rounded(p),
                      "low_ms": rounded(p * (1 - half)), "high_ms": rounded(p * (1 + half)),
                      "fitted_ms": rounded(a, 5), "family_left_out_ms": rounded(q)}
                     for t, f, m, p, a, q in zip(targets, families, measured.tolist(), one_out, fitted, family_out)],
        "checks": checks,
        "one_request_at_a_time": {
            **summary(alone_out, alone_sample.measured),
            "networks": [{"row": s["row"], "measured_ms": m, "predicted_ms": rounded(p)}
                         for s, m, p in zip(sync, alone_sample.measured.tolist(), alone_out)]},
        "layers": [{"kind": r["kind"], "in": [int(r["in_channels"]), int(r["height"]), int(r["width"])],
                    "out_channels": int(r["out_channels"]), "kernel": int(r["kernel"]), "measured_ms": m,
                    "predicted_ms": rounded(p), "fitted": r["fitted"] == "yes"}
                   for r, m, p in zip(layers, layer_sample.measured.tolist(), layer_predicted)]}
    if options.forms:
        result["forms"] = []
        for form in FORMS:
            freed = fit(sample, form)
            one, family = (left_out(sample, g, form) for g in (each(sample), families))
            result["forms"].append({
                "form": form.name, "constants": len(FITTED) + len(form.extra),
                "network_left_out": summary(one, measured), "family_left_out": summary(family, measured),
                **{name: rounded(freed[name]) for name in form.extra}})
            print(f"{form.name:52s} {100 * summary(one, measured)['mean_abs_error']:6.2f} %"
                  f" {100 * summary(family, measured)['mean_abs_error']:6.2f} %", flush=True)
        predicted, chosen = form_chosen_too(sample)
        result["form_chosen_without_the_family"] = {**summary(predicted, measured), "chosen": chosen}

    targets_text = "fit to data/myriadx_targets.csv by scripts/calibrate_myriadx.py (itlab-vision/dl-benchmark, Neural Compute Stick 2, two streams)"
    sync_text = "fit to data/myriadx_sync.csv by scripts/calibrate_myriadx.py (itlab-vision/dl-benchmark, OpenVINO 2018R5, one request at a time)"
    layer_text = "fit to data/myriadx_layers.csv by scripts/calibrate_myriadx.py (embedded-machine-learning/annette, Neural Compute Stick 2)"
    interval = "; interval: 90 % bootstrap over families"
    nominal = "Intel's nominal clock of the MyriadX"

    def chip(value, unit, source):
        return {"value": value, "low": value, "high": value, "unit": unit, "source": source}

    def error(value, source):
        return {"value": rounded(value, 3), "low": rounded(value, 3), "high": rounded(value, 3), "unit": "share", "source": source}

    model = {
        "schema": "vpunas.myriadx/2",
        "version": "2",
        "chip": {
            "pixel_step": chip(8, "pixels", "16-byte rows of the NCE's tensors; 4 and 16 fit worse (docs/results/myriadx_fit.json, forms)"),
            **{name: json.loads((ROOT / "data/myriadx.json").read_text())["chip"][name]  # nothing here to fit them to
               for name in ("shave_macs", "shave_depthwise_macs")},
            "burst_bytes": chip(128, "bytes", "a burst of 16 on 64 bits of LPDDR4; 64 and 256 fit worse (docs/results/myriadx_fit.json, forms)")},
        "throughput": constants_json(constants, {"*": targets_text + interval, "clock_mhz": nominal}, bounds),
        "latency": constants_json(alone, {"*": sync_text + "; interval: 90 % bootstrap over networks", "clock_mhz": nominal}, alone_bounds),
        "profile": constants_json(profile, {"*": "as latency", "host_ms": "a layer alone has none",
                                            **{n: layer_text + "; interval: 90 % bootstrap over rows" for n in layer_fit}}, profile_bounds),
        "error": {
            "network": error(own_error, "own errors of networks within their family, family left out of the fit (docs/results/myriadx_fit.json)"),
            "family": error(family_error, "what the errors of a family share, family left out of the fit (docs/results/myriadx_fit.json)")}}
    for path, content in ((ROOT / "data/myriadx.json", model), (ROOT / "docs/results/myriadx_fit.json", result)):
        path.write_text(json.dumps(content, indent=1) + "\n")
    for name in ("fitted", "network_left_out", "family_left_out"):
        print(f"{name:18s} {result[name]}")
    print("mobile, network left out:", result["mobile_mean_abs_error"], " constants:", {n: rounded(constants[n]) for n in CONSTANTS})


if __name__ == "__main__":
    main()
