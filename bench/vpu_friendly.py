#!/usr/bin/env python3
"""Prices what docs/vpu-friendly.md says that MyriadX likes, by `vpunas explain`.

    bench/vpu_friendly.py [--compiler]

Writes docs/results/vpu_friendly.json and prints its rows as the document's tables. A price is that of
a whole network with the layers in question minus that of the same network without them, so it has what
they do to their neighbours: spilled tensors, copies, activations that no longer fuse. With --compiler
every network is also mapped by Intel's compiler (`make blob-compiler`; minutes) and must come out the
same.
"""
import json
import pathlib
import subprocess
import sys
import tempfile

from provenance import ROOT, provenance

PROGRAM = ROOT / "build/release/vpunas"
RESULT = ROOT / "docs/results/vpu_friendly.json"
COMPILER = ["--compiler"] if "--compiler" in sys.argv[1:] else []


def explain(network):
    run = subprocess.run([PROGRAM, "explain", network, "--no-what-if", *COMPILER, "--json", "-"],
                         capture_output=True, text=True)
    if run.returncode:
        sys.exit(run.stderr.strip())
    explanation = json.loads(run.stdout)
    mapped = explanation.get("compiler")
    if mapped and not mapped["equal"] == mapped["ours"] == mapped["stages"]:
        sys.exit(f"{network}: Intel's compiler maps it differently: {mapped}")
    return explanation


def network(folder, channels, side, layers):
    """Layers between two convolutions that keep the shape, as layers stand in a network."""
    path = pathlib.Path(folder) / "network.json"
    path.write_text(json.dumps({
        "schema": "vpunas.graph/1", "name": "network", "input": [3, side, side],
        "layers": [f"conv c{channels} relu6", *layers, "conv c16 relu6"]}))
    return explain(path)


def price(folder, channels, side, layers):
    whole, bare = (network(folder, channels, side, some) for some in (layers, []))
    macs = (whole["macs"] - bare["macs"]) / 1e6
    return {"ms": whole["total_ms"] - bare["total_ms"], "mmacs": macs,
            "stages": len(whole["stages"]) - len(bare["stages"])}


def mbconv(c, e, kernel=3, act="relu6"):
    inner = [f"conv c{c * e} {act}", f"depthwise k{kernel} {act}", f"conv c{c}"]
    return [{"add": [inner, []]}]


def fused(c, e):
    return [{"add": [[f"conv k3 c{c * e} relu6", f"conv c{c}"], []]}]


def residual(c):
    return [{"add": [[f"conv k3 c{c} relu6", f"conv k3 c{c}"], []]}, "relu6"]


def squeeze(c):
    return [{"mul": [[], ["globalpool", f"conv c{c // 4} bias relu", f"conv c{c} bias sigmoid"]]}]


# Rule -> rows of (what, channels, side, layers).
RULES = {
    "A depthwise 3x3 costs what a dense one does, up to about 100 channels": [
        (f"{kind} 3x3, {c} channels", c, side, [words])
        for c, side in ((32, 56), (64, 28), (96, 14), (192, 14), (192, 7))
        for kind, words in (("depthwise", "depthwise k3 relu6"), ("dense", f"conv k3 c{c} relu6"))],
    "5x5 is twice 3x3, 7x7 little more than 5x5": [
        (f"depthwise {k}x{k}, {c} channels", c, side, [f"depthwise k{k} relu6"])
        for c, side in ((96, 28), (192, 14)) for k in (3, 5, 7)],
    "Depthwise widths in multiples of 32": [
        (f"depthwise 3x3, {c} channels", c, 28, ["depthwise k3 relu6"])
        for c in (96, 104, 120, 128, 144, 160)],
    "Fused and residual blocks are cheaper than MBConv": [
        (f"{name}, {c} channels", c, side, block(c))
        for c, side in ((24, 56), (40, 28), (64, 14), (96, 14), (192, 7))
        for name, block in (("MBConv e4", lambda c: mbconv(c, 4)),
                            ("fused MBConv e4", lambda c: fused(c, 4)),
                            ("residual 3x3", residual))],
    "ReLU and ReLU6 are free, others are not": [
        (f"1x1 with {act}, 96 channels", 96, 28, [f"conv c96 {act}"])
        for act in ("relu", "relu6", "hswish", "swish", "sigmoid")],
    "Squeeze-excite and additions run on the SHAVEs": [
        *((f"squeeze-excite, {c} channels", c, side, squeeze(c)) for c, side in ((96, 28), (192, 14))),
        *((f"addition behind a 1x1, {c} channels", c, side, [{"add": [[f"conv c{c}"], []]}])
          for c, side in ((32, 56), (48, 28), (96, 14))),
        *((f"the 1x1 alone, {c} channels", c, side, [f"conv c{c}"])
          for c, side in ((32, 56), (48, 28), (96, 14)))],
    "Tensors over 576 KiB are cut and go through DDR": [
        (f"expansion to {e} channels and back at {side}x{side}: {2 * e * side * side // 1024} KiB", 16,
         side, [f"conv c{e} relu6", "conv c16"])
        for side, widths in ((112, (16, 32, 64, 96)), (56, (64, 96, 128, 192))) for e in widths],
    "Dense 3x3 up to 448 channels": [
        (f"dense 3x3, {c} channels", c, 14, [f"conv k3 c{c} relu6"]) for c in (384, 448, 512)],
    "Pooling without padding (what follows is smaller, hence the minus)": [
        ("max pooling 3x3, stride 2, padding 1", 32, 112, ["maxpool k3 s2 p1"]),
        ("max pooling 2x2, stride 2", 32, 112, ["maxpool k2 s2"])],
}


def main():
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for rule, cases in RULES.items():
            print(f"\n**{rule}**\n\n| | at | ms | M multiply-accumulates | stages |\n|---|---|---|---|---|")
            for what, channels, side, layers in cases:
                row = {"rule": rule, "what": what, "side": side,
                       **price(folder, channels, side, layers)}
                rows.append(row)
                print(f"| {what} | {side}x{side} | {row['ms']:.3f} | {row['mmacs']:.1f} "
                      f"| {row['stages']} |")
        print("\n**Resolution**\n\n| | at | ms | M multiply-accumulates | stages |\n|---|---|---|---|---|")
    for side in (224, 192, 160, 128):
        run = subprocess.run([PROGRAM, "explain", "mobilenet_v2", "--size", str(side),
                              "--no-what-if", "--json", "-"], capture_output=True, text=True)
        whole = json.loads(run.stdout)
        rows.append({"rule": "Resolution", "what": "mobilenet_v2", "side": side,
                     "ms": whole["total_ms"], "mmacs": whole["macs"] / 1e6,
                     "stages": len(whole["stages"])})
        print(f"| MobileNetV2 | {side}x{side} | {whole['total_ms']:.2f} | {whole['macs'] / 1e6:.0f} "
              f"| {len(whole['stages'])} |")
    for row in rows:
        row |= {"ms": round(row["ms"], 4), "mmacs": round(row["mmacs"], 3)}
    RESULT.write_text(json.dumps({"schema": "vpunas.vpu_friendly/1",
                                  "command": "bench/vpu_friendly.py", **provenance(),
                                  "rows": rows}, indent=1) + "\n")


if __name__ == "__main__":
    main()
