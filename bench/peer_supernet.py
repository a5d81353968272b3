"""Steps of a two-path supernet as ProxylessNAS (arXiv:1812.00332, section 3.2) describes it, in plain PyTorch:
peer_supernet.py weight|arch SIZE BATCH. NCHW, float32, default allocator, as such code is run. Protocol of pytorch_models.serve."""

import random
import sys

import torch
from pytorch_models import Block, around, blocks, images, serve
from torch import nn


class TwoPaths(torch.autograd.Function):
    """The active candidate's output; the gradient of a gate is <dL/dy, output of its candidate> (equation 4)."""

    @staticmethod
    def forward(context, active, other, gates):
        context.save_for_backward(active, other)
        return active.view_as(active)

    @staticmethod
    def backward(context, gradient):
        active, other = context.saved_tensors
        return gradient, None, torch.stack([(gradient * active).sum(), (gradient * other).sum()])


class Mixed(nn.Module):
    def __init__(self, inputs, outputs, expansion, stride):
        super().__init__()
        expansions = (3, 6) if expansion != 1 else (1,)
        candidates = [Block(inputs, outputs, e, k, stride) for k in (3, 5, 7) for e in expansions]
        if stride == 1 and inputs == outputs:
            candidates.append(nn.Identity())
        self.candidates = nn.ModuleList(candidates)
        self.logits = nn.Parameter(torch.zeros(len(candidates)))
        self.two = False

    def forward(self, x):
        first, second = random.sample(range(len(self.candidates)), 2)
        active = self.candidates[first](x)
        if not self.two:
            return active
        with torch.no_grad():
            other = self.candidates[second](x)
        gates = torch.softmax(self.logits[[first, second]], 0)
        return TwoPaths.apply(active, other, gates)


kind = sys.argv[1]
size, batch = (int(a) for a in sys.argv[2:4])
network = around(size, [Mixed(i, o, e, s) for i, o, e, s in blocks(size)])
mixed = [m for m in network.modules() if isinstance(m, Mixed)]
for m in mixed:
    m.two = kind == "arch"
logits = [m.logits for m in mixed]
weights = [p for p in network.parameters() if all(p is not l for l in logits)]
x, y = images(size, batch)
if kind == "arch":
    optimizer = torch.optim.Adam(logits, lr=0.006, betas=(0.0, 0.999))
else:
    optimizer = torch.optim.SGD(weights, lr=0.01, momentum=0.9, nesterov=True, weight_decay=4e-5)


def step():
    loss = nn.functional.cross_entropy(network(x), y)
    network.zero_grad()
    loss.backward()
    optimizer.step()


serve(step)
