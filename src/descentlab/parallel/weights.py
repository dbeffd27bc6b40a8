"""Get and set weights and optimizer state as whole tensors, in one process, with replicas (DDP) and with shards (FSDP2).

The functions are collective: every process must call them. Of sharded tensors the first process receives whole copies on the
CPU, and the others nothing; setting them uses the first process's copies.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.distributed.checkpoint.state_dict import (
    StateDictOptions,
    get_model_state_dict,
    set_model_state_dict,
)
from torch.distributed.device_mesh import DeviceMesh
from torch.distributed.fsdp import FSDPModule, fully_shard
from torch.distributed.tensor import DTensor, Replicate, distribute_tensor
from torch.nn.parallel import DistributedDataParallel
from torch.optim import Optimizer

from descentlab.compat import foreach, is_vmapped

GATHER = StateDictOptions(full_state_dict=True, cpu_offload=True)
SPREAD = StateDictOptions(full_state_dict=True, broadcast_from_rank0=True)


def is_sharded(model: nn.Module) -> bool:
    """Return True if FSDP2 shards the model's weights."""
    return any(isinstance(part, FSDPModule) for part in model.modules())


def reshard(model: nn.Module) -> None:
    """Free weights that are gathered at the time; without FSDP2, do nothing.

    After a validation the weights of the outermost module are still gathered. Reading or setting the shards requires that
    they are not.
    """
    for part in model.modules():
        if isinstance(part, FSDPModule):
            part.reshard()


def shard(model: nn.Module, mesh: DeviceMesh) -> None:
    """Shard the weights over the processes of `mesh`. Each block of a stack is gathered when it is used, and freed after it."""
    for block in _blocks(model):
        if any(True for _ in block.parameters()):
            fully_shard(block, mesh=mesh)
    fully_shard(model, mesh=mesh)


def _blocks(module: nn.Module) -> Iterator[nn.Module]:
    """Yield the elements of the outermost nn.Sequential and nn.ModuleList modules."""
    if isinstance(module, nn.Sequential | nn.ModuleList):
        yield from module.children()
    else:
        for child in module.children():
            yield from _blocks(child)


@contextmanager
def unaveraged(model: nn.Module | None) -> Iterator[None]:
    """Context in which gradients accumulate in each process; the first backward pass after it averages them over all.

    Args:
        model: the model, wrapped by the strategy.
    """
    if isinstance(model, DistributedDataParallel):
        with model.no_sync():
            yield
    elif isinstance(model, FSDPModule):
        model.set_requires_gradient_sync(False)
        yield
        model.set_requires_gradient_sync(True)
    else:
        yield


def copy_weights(model: nn.Module) -> dict[str, Any]:
    """Return a copy of the model's weights and buffers by name."""
    if is_sharded(model):
        reshard(model)
        return get_model_state_dict(model, options=GATHER)
    return {name: weight.detach().clone() for name, weight in model.state_dict().items()}


def agree_on_buffers(model: nn.Module) -> None:
    """Copy the first process's buffers to all processes, whose running statistics differ with their shares of the batches."""
    if dist.is_initialized():
        for buffer in model.buffers():
            dist.broadcast(buffer, src=0)


def check_agreement(model: nn.Module) -> None:
    """Check that all processes have the same weights, if they are not sharded.

    Raises:
        RuntimeError: they differ, for example because an optimizer draws different random numbers in each process.
    """
    if not dist.is_initialized() or is_sharded(model):
        return
    sums = torch.stack([parameter.detach().double().sum() for parameter in model.parameters()])
    first = sums.clone()
    dist.broadcast(first, src=0)
    if not torch.equal(sums.nan_to_num(), first.nan_to_num()):
        raise RuntimeError("the weights of the processes differ: the optimizer does not make the same update in each of them")


def set_weights(model: nn.Module, weights: dict[str, Any]) -> None:
    """Set the weights and buffers that `copy_weights` returned."""
    if is_sharded(model):
        reshard(model)
        set_model_state_dict(model, weights, options=SPREAD)
    else:
        model.load_state_dict(weights)


def optimizer_state(model: nn.Module, optimizer: Optimizer) -> dict[str, Any]:
    """Return the optimizer's state dict. With shards the first process has whole tensors; `spread` lists the sharded ones."""
    state = optimizer.state_dict()
    if not is_sharded(model):
        return state
    spread = [(id, key) for id, own in state["state"].items() for key, value in own.items() if isinstance(value, DTensor)]
    whole: dict[Any, Any] = {id: dict(own) for id, own in state["state"].items()}
    for id, key in spread:
        whole[id][key] = whole[id][key].full_tensor().cpu()  # collective
        if dist.get_rank():
            del whole[id][key]
    return {**state, "state": whole, "spread": spread}


def set_optimizer_state(model: nn.Module, optimizer: Optimizer, state: dict[str, Any]) -> None:
    """Set the state that `optimizer_state` returned.

    torch's set_optimizer_state_dict is not used: it takes a step to create the state, which optimizers that count steps in
    their groups count, and it fails for an optimizer without state.
    """
    if not is_sharded(model):
        return optimizer.load_state_dict(state)
    outline = [_outline(state) if dist.get_rank() == 0 else None]
    dist.broadcast_object_list(outline, src=0)
    groups, values, spread = outline[0]  # pyright: ignore[reportGeneralTypeIssues]
    parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    for id, key, shape, dtype in spread:
        like = parameters[id]
        whole = state["state"][id][key] if dist.get_rank() == 0 else torch.empty(shape, dtype=dtype)
        placements = like.placements if whole.shape == like.shape else [Replicate()] * like.device_mesh.ndim
        values.setdefault(id, {})[key] = distribute_tensor(whole.to(like.device), like.device_mesh, placements)
    return optimizer.load_state_dict({"state": values, "param_groups": groups})


def _outline(state: dict[str, Any]) -> tuple[Any, Any, list[tuple[int, str, torch.Size, torch.dtype]]]:
    """Return the groups, the state that is not sharded, and the shape and dtype of each sharded tensor."""
    spread = {(id, key): state["state"][id][key] for id, key in state["spread"]}
    values = {id: {k: v for k, v in own.items() if (id, k) not in spread} for id, own in state["state"].items()}
    return state["param_groups"], values, [(id, key, value.shape, value.dtype) for (id, key), value in spread.items()]


def norm(gradients: list[Tensor]) -> Tensor:
    """Return the Euclidean norm of `gradients` taken as one vector, a scalar. Collective if they are sharded."""
    if gradients and is_vmapped(gradients[0]):  # torch's function has no batching rule
        return torch.linalg.vector_norm(torch.stack([torch.linalg.vector_norm(gradient) for gradient in gradients]))
    device = gradients[0].device if gradients else None
    if any(isinstance(each, DTensor) or each.is_sparse or each.device != device for each in gradients) or not gradients:
        total = torch.nn.utils.get_total_norm(gradients)
        return total.full_tensor() if isinstance(total, DTensor) else total
    return torch.linalg.vector_norm(torch.stack(foreach("norm", gradients)))  # half the time of torch's function
