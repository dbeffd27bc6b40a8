"""The digits as a data set that is streamed, for tests: `data._target_=streamed_digits.StreamedDigits`."""

from __future__ import annotations

import os
import signal

import torch
from torch.utils.data import Dataset, TensorDataset

from descentlab.data.digits import Digits
from descentlab.data.loading.streamed import StreamedData, StreamedSplits


class StreamedDigits(StreamedData):
    """Reads example by example what Digits has in memory.

    Args:
        noise: added to every pixel of a training image, times a normal draw.
        dies: at the reading of this training row, by SIGKILL.
        breaks: at the reading of this training row, by an exception.
    """

    def __init__(self, test_fraction, valid_fraction, split_seed, noise=0.0, dies=None, breaks=None, **more):
        reading = {key: more.pop(key) for key in ("workers", "pin_memory", "persistent_workers", "eval_batch") if key in more}
        super().__init__(**reading, **more)
        self.digits = Digits(test_fraction, valid_fraction, split_seed)
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
