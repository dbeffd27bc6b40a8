"""The digits as a streamed data set: `data._target_=support.streamed_digits.StreamedDigits`."""

from __future__ import annotations

import inspect
import os
import signal

import torch
from torch.utils.data import Dataset, TensorDataset

from descentlab.data.digits import Digits
from descentlab.data.loading.streamed import StreamedData, StreamedSplits


class StreamedDigits(StreamedData):
    """The data of Digits, read example by example.

    Args:
        noise: standard deviation of normal noise that is added to every pixel of a training image.
        dies: training row at which the reading process is killed by SIGKILL.
        breaks: training row at which the reading raises an exception.
    """

    def __init__(self, noise=0.0, dies=None, breaks=None, **more):
        options = {key: more.pop(key) for key in inspect.signature(Digits).parameters if key in more}
        super().__init__(**more)
        self.digits = Digits(**options)
        self.noise, self.dies, self.breaks = noise, dies, breaks

    def load(self):
        splits = self.digits.splits
        train = Noisy(TensorDataset(*splits.train), self.noise, self.dies, self.breaks)
        return StreamedSplits(train, TensorDataset(*splits.valid), TensorDataset(*splits.test), splits.digest())


class Noisy(Dataset):
    def __init__(self, examples, noise, dies, breaks):
        self.examples, self.noise, self.dies, self.breaks = examples, noise, dies, breaks

    def __len__(self):
        return len(self.examples)

    def __getitem__(self, row):
        if row == self.dies:
            os.kill(os.getpid(), signal.SIGKILL)
        if row == self.breaks:
            raise OSError(f"example {row} cannot be read")
        image, label = self.examples[row]
        return (image + self.noise * torch.randn(image.shape) if self.noise else image), label
