"""Any classifier of torchvision, with random initial weights."""

from collections.abc import Sequence
from typing import Literal

from torch import Tensor, nn
from torchvision.models import get_model
from torchvision.models.resnet import BasicBlock, Bottleneck

from descentlab.models.convolution import initialise_network
from descentlab.models.init import Init, scale_branches


class TorchvisionNet(nn.Module):
    """Images (batch, channels, height, width) -> logits (batch, num_outputs).

    Args:
        image_shape: channels, height and width of an image; 3 channels for stem=imagenet.
        num_outputs: >= 1.
        name: one of torchvision.models.list_models(), for example resnet18, resnet50, vgg16.
        stem: imagenet, unchanged; or small, for a ResNet on 32 x 32 pixels with any number of channels: a first convolution
            3x3 of stride 1 without pooling, as in He et al., arXiv:1512.03385, sec. 4.2.
        init: default is torchvision's; others set the weights of all convolutions and dense layers: see `initialise`. residual
            and zero-last are for ResNets: see `scale_branches`; zero-last is torchvision's zero_init_residual.

    Raises:
        ValueError: if name or stem is unknown, or the stem or init is incompatible with the network or the images.
    """

    def __init__(
        self,
        image_shape: Sequence[int],
        num_outputs: int,
        name: str,
        stem: Literal["imagenet", "small"] = "imagenet",
        init: Init = "default",
    ) -> None:
        super().__init__()
        self.net = get_model(name, weights=None, num_classes=num_outputs)
        first = getattr(self.net, "conv1", None)
        if stem == "small":
            if not isinstance(first, nn.Conv2d) or not hasattr(self.net, "maxpool"):
                raise ValueError(f"model.stem=small is for ResNets: {name} has a different stem")
            self.net.conv1 = nn.Conv2d(image_shape[0], first.out_channels, 3, 1, 1, bias=False)
            nn.init.kaiming_normal_(self.net.conv1.weight, mode="fan_out", nonlinearity="relu")
            self.net.maxpool = nn.Identity()
        elif stem != "imagenet":
            raise ValueError(f"model.stem={stem}: it is imagenet or small")
        elif image_shape[0] != 3:
            raise ValueError(f"{name} takes images of 3 channels, not of {image_shape[0]}: model.stem=small takes any number")
        initialise_network(self.net, init, "relu")
        blocks = [block for block in self.net.modules() if isinstance(block, BasicBlock | Bottleneck)]
        scale_branches([block.bn3 if isinstance(block, Bottleneck) else block.bn2 for block in blocks], init)

    def forward(self, x: Tensor) -> Tensor:
        return self.net(x)
