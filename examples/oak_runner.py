#!/usr/bin/env python3
"""Drives an OAK camera (RVC2) by DepthAI v2 (pip install 'depthai<3'), with Intel's compiler from `make blob-compiler`; times
include the image's way over USB:

  vpunas profile --space vpu -d OAK --runner examples/oak_runner.py

VPUNAS names the program where it is not this checkout's build/release/vpunas. The camera's firmware keeps some of the 16
SHAVEs for itself, so the .blob is compiled for 6, as DepthAI's own warning recommends. Written from Luxonis' documentation;
no camera was at hand to try it on."""
import json, os, pathlib, subprocess, sys, tempfile, time
import depthai

VPUNAS = os.environ.get("VPUNAS", str(pathlib.Path(__file__).resolve().parent.parent / "build/release/vpunas"))


def measure(request):
    folder = tempfile.mkdtemp()
    subprocess.run([VPUNAS, "export", request["model"], "--blob", "--shaves", "6", "-o", folder], check=True, stdout=sys.stderr)
    exported, = pathlib.Path(folder).iterdir()
    pipeline = depthai.Pipeline()
    source, network, sink = (pipeline.create(kind) for kind in (depthai.node.XLinkIn, depthai.node.NeuralNetwork, depthai.node.XLinkOut))
    source.setStreamName("image"), sink.setStreamName("logits"), network.setBlobPath(exported / "model.blob")
    source.out.link(network.input), network.out.link(sink.input)
    image = depthai.NNData()
    c, h, w = json.load(open(exported / "export.json"))["input"]
    image.setLayer("image", [0] * (c * h * w))
    samples = []
    with depthai.Device(pipeline) as camera:
        images, logits = camera.getInputQueue("image"), camera.getOutputQueue("logits")
        for _ in range(request["warmup"] + request["iterations"]):
            start = time.perf_counter()
            images.send(image), logits.get()
            samples.append(1e6 * (time.perf_counter() - start))
    samples = samples[request["warmup"]:]
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
