"""A wide residual network (Zagoruyko and Komodakis, arXiv:1605.07146)."""

from collections.abc import Callable, Sequence
from functools import partial

from torch import Tensor, nn

from descentlab.config.types import Count, Fraction
from descentlab.models.convolution import Norm, initialise_network, make_norm
from descentlab.models.init import Init, scale_branches
from descentlab.models.mlp import ACTIVATIONS, Activation
from descentlab.models.resnet import he_by_outputs


class WideBlock(nn.Module):
    """Twice normalization, activation and convolution, plus a shortcut, which is a 1x1 convolution if the shape changes.

    Args:
        inputs, outputs: channels.
        stride: of the first convolution.
        dropout: the probability of dropping a value between the convolutions.
        norm: channels -> the norm before an activation.
        activation: a key of mlp.ACTIVATIONS.
        residual: add the shortcut.
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        stride: int,
        dropout: float,
        norm: Callable[[int], nn.Module] = nn.BatchNorm2d,
        activation: str = "relu",
        residual: bool = True,
    ) -> None:
        super().__init__()
        self.residual = residual
        self.before = nn.Sequential(norm(inputs), ACTIVATIONS[activation]())
        self.inner = nn.Sequential(
            nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False),
            norm(outputs),
            ACTIVATIONS[activation](),
            nn.Dropout(dropout),
            nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False),
        )
        changes = residual and (inputs != outputs or stride != 1)
        self.shortcut = nn.Conv2d(inputs, outputs, 1, stride, bias=False) if changes else None

    @property
    def end(self) -> nn.Module:
        """The second convolution."""
        return self.inner[-1]

    def forward(self, x: Tensor) -> Tensor:
        ready = self.before(x)
        if not self.residual:
            return self.inner(ready)
        return self.inner(ready) + (x if self.shortcut is None else self.shortcut(ready))


class WideResNet(nn.Module):
    """Images (batch, channels, height, width) -> logits (batch, num_outputs): WRN-depth-widen; DeepOBS uses WRN-16-4.

    Args:
        image_shape: channels, height and width of an image, each >= 1.
        num_outputs: >= 1.
        depth: 6 n + 4 layers with weights, n >= 1.
        widen: the factor of 16, 32 and 64 channels, >= 1.
        dropout: the probability of dropping a value between the two convolutions of a block, in [0, 1).
        norm: before each activation: see `convolution`. Convolutions have no biases, whatever the norm.
        activation: a key of mlp.ACTIVATIONS.
        init: default is that of He et al. (arXiv:1502.01852, eq. 10, by fan out); for the others see `initialise` and
            `scale_branches`.
        residual: False: the same layers without shortcuts.

    Raises:
        ValueError: if depth is not 6 n + 4, or the norm is unknown.
    """

    def __init__(
        self,
        image_shape: Sequence[int],
        num_outputs: int,
        depth: Count = 16,
        widen: Count = 4,
        dropout: Fraction = 0.0,
        norm: Norm = "batch",
        activation: Activation = "relu",
        init: Init = "default",
        residual: bool = True,
    ) -> None:
        super().__init__()
        blocks, rest = divmod(depth - 4, 6)
        if rest or blocks < 1:
            raise ValueError(f"model.depth={depth}: a wide ResNet has 6 n + 4 layers: 10, 16, 22, 28, 40")
        make, channels = partial(make_norm, norm), 16
        stages: list[WideBlock] = []
        first = nn.Conv2d(image_shape[0], 16, 3, 1, 1, bias=False)
        for outputs, stride in ((16 * widen, 1), (32 * widen, 2), (64 * widen, 2)):
            for index in range(blocks):
                stages.append(WideBlock(channels, outputs, 1 if index else stride, dropout, make, activation, residual))
                channels = outputs
        self.layers = nn.Sequential(first, *stages)
        self.norm, self.activation = make(channels), ACTIVATIONS[activation]()
        self.head = nn.Linear(channels, num_outputs)
        initialise_network(self, init, activation, he_by_outputs)
        scale_branches([stage.end for stage in stages] if residual else [], init)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.activation(self.norm(self.layers(x))).mean((2, 3)))
