#!/usr/bin/env python3
"""Drives an OAK camera (RVC2) by DepthAI v2 (pip install 'depthai<3'), with Intel's compiler from `make blob-compiler`; times
include the image's way over USB:

  vpunas profile --space vpu -d OAK --runner examples/oak_runner.py

VPUNAS names the program where it is not this checkout's build/release/vpunas. The camera's firmware keeps some of the 16
SHAVEs for itself, so the .blob is compiled for 6, as DepthAI's own warning recommends. The camera runs one network at a time,
so each measurement starts it anew. Written from Luxonis' documentation; no camera was at hand to try it on."""
import json, os, pathlib, subprocess, sys, tempfile, time
import depthai

VPUNAS = os.environ.get("VPUNAS", str(pathlib.Path(__file__).resolve().parent.parent / "build/release/vpunas"))
blobs = tempfile.TemporaryDirectory()
compiled = {}  # (model, when it was written) -> (its .blob, the shape of its input)


def blob_of(model):
    key = model, os.stat(model).st_mtime_ns
    if key not in compiled:
        folder = pathlib.Path(blobs.name) / str(len(compiled))
        command = [VPUNAS, "export", model, "--blob", "--shaves", "6", "-o", folder]
        subprocess.run(command, check=True, stdout=sys.stderr)
        exported, = folder.iterdir()
        compiled[key] = exported / "model.blob", json.load(open(exported / "export.json"))["input"]
    return compiled[key]


def measure(request):
    blob, (c, h, w) = blob_of(request["model"])
    pipeline = depthai.Pipeline()
    source, network, sink = (pipeline.create(kind) for kind in (depthai.node.XLinkIn, depthai.node.NeuralNetwork, depthai.node.XLinkOut))
    source.setStreamName("image"), sink.setStreamName("logits"), network.setBlobPath(blob)
    source.out.link(network.input), network.out.link(sink.input)
    image = depthai.NNData()
    image.setLayer("image", [0] * (c * h * w))
    samples = []
    with depthai.Device(pipeline) as camera:
        images, logits = camera.getInputQueue("image"), camera.getOutputQueue("logits")
        for _ in range(request["warmup"]):
            images.send(image), logits.get()
        end = time.perf_counter() + request["seconds"]
        while len(samples) < request["iterations"] or time.perf_counter() < end:
            start = time.perf_counter()
            images.send(image), logits.get()
            samples.append(1e6 * (time.perf_counter() - start))
    return {"samples_us": samples, "fps": 1e6 * len(samples) / sum(samples), "precision": "f16"}


for line in sys.stdin:
    request, answer = json.loads(line), {"ok": True, "runtime": f"DepthAI {depthai.__version__}"}
    try:
        if request["do"] == "info":
            answer["devices"] = [{"name": "OAK", "full_name": device.name} for device in depthai.Device.getAllAvailableDevices()]
        else:
            answer |= measure(request)
    except Exception as error:
        answer = {"ok": False, "error": str(error).splitlines()[0]}
    print(json.dumps(answer), flush=True)
