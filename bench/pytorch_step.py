"""A training step in plain PyTorch, tuned: pytorch_step.py SIZE BATCH KERNEL float32|bfloat16 [compile]. Protocol of pytorch_models.serve."""

import sys

import torch
from pytorch_models import images, mobilenet, serve

size, batch, kernel = (int(a) for a in sys.argv[1:4])
bfloat16 = sys.argv[4] == "bfloat16"
network = mobilenet(size, kernel).to(memory_format=torch.channels_last)
x, y = images(size, batch)
x = x.contiguous(memory_format=torch.channels_last)
optimizer = torch.optim.SGD(network.parameters(), lr=0.01, momentum=0.9, nesterov=True, weight_decay=4e-5, fused=True)
forward = torch.compile(network) if sys.argv[5:] == ["compile"] else network


def step():
    with torch.autocast("cpu", torch.bfloat16, enabled=bfloat16):
        loss = torch.nn.functional.cross_entropy(forward(x), y)
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    optimizer.step()


serve(step)
