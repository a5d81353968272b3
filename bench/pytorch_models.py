"""A MobileNetV2-like network and a supernet over it in plain PyTorch, as step_bench.cpp has them, and the loop that times steps."""

import os
import sys
import time
import warnings

warnings.filterwarnings("ignore")
import torch
from torch import nn

# expansion, channels, repeats, stride (arXiv:1801.04381, table 2)
STAGES = [(1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1)]


def blocks(size):
    """(input channels, output channels, expansion, stride) of every block; small images keep their size longer."""
    width = 32
    for stage, (expansion, channels, repeats, stride) in enumerate(STAGES):
        for i in range(repeats):
            first = 1 if size < 64 and stage == 1 else stride
            yield width, channels, expansion, first if i == 0 else 1
            width = channels


def conv_norm(inputs, outputs, kernel, stride=1, groups=1, act=True):
    layers = [nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, groups=groups, bias=False), nn.BatchNorm2d(outputs)]
    return layers + ([nn.ReLU6(inplace=True)] if act else [])


class Block(nn.Module):
    def __init__(self, inputs, outputs, expansion, kernel, stride):
        super().__init__()
        inner = inputs * expansion
        layers = conv_norm(inputs, inner, 1) if expansion != 1 else []
        layers += conv_norm(inner, inner, kernel, stride, inner) + conv_norm(inner, outputs, 1, act=False)
        self.layers = nn.Sequential(*layers)
        self.residual = stride == 1 and inputs == outputs

    def forward(self, x):
        return x + self.layers(x) if self.residual else self.layers(x)


def around(size, body):
    classes = 10 if size < 64 else 1000
    return nn.Sequential(
        *conv_norm(3, 32, 3, 1 if size < 64 else 2), *body, *conv_norm(320, 1280, 1),
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(1280, classes))


def mobilenet(size, kernel):
    return around(size, [Block(i, o, e, kernel, s) for i, o, e, s in blocks(size)])


def images(size, batch):
    return torch.rand(batch, 3, size, size), torch.randint(10 if size < 64 else 1000, (batch,))


def serve(step):
    """Answers every line "N" on standard input with the seconds that N steps took."""
    torch.set_num_threads(os.cpu_count())
    for line in sys.stdin:
        start = time.perf_counter()
        for _ in range(int(line)):
            step()
        print(time.perf_counter() - start, flush=True)
