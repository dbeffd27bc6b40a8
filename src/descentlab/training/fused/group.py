"""The loop of a fused group: chunks of steps of all blocks, validations, checkpoints, and the ends of single members."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from descentlab.data.loading.loader import steps_to_log_point
from descentlab.data.loading.tensors import Data
from descentlab.store.interruption import Interrupted, Interruption
from descentlab.training.events import Ended, StepsDone, Validated
from descentlab.training.fused.block import Block, StackedSteps
from descentlab.training.fused.evaluation import evaluate, evaluation_weights
from descentlab.training.fused.member import Member
from descentlab.training.fused.probing import Probing

CHUNK = 40  # the largest number of steps between two reports to the observers
CHUNK_SECONDS = 1.0  # the time after which they are to receive one
SHARE = 0.02  # largest fraction of the time that is spent on checkpoints


class Group:
    """Trains the members of a group, which all have taken the same number of steps.

    Args:
        blocks: the members, stacked.
        data: the data of all members.
        interruption: reports whether the group was asked to end.
        every: seconds between two checkpoints; None: only when the group is asked to end.
        finish: called for each member that has taken its last step, with its weights in place.
        fail: called for a member, and an error that its observers, its sinks or `finish` raised; the others continue.
    """

    def __init__(
        self,
        blocks: Sequence[Block],
        data: Data[Any],
        interruption: Interruption,
        every: float | None,
        finish: Callable[[Member], None],
        fail: Callable[[Member, Exception], None],
    ) -> None:
        self.blocks, self.data, self.interruption, self.every = list(blocks), data, interruption, every
        self.finish, self.fail = finish, fail
        self.probing = Probing(self.active)
        self.step_seconds = CHUNK_SECONDS
        self.due = math.inf if every is None else time.monotonic() + every

    @property
    def active(self) -> list[Member]:
        """The members that have not ended, block by block."""
        return [member for block in self.blocks for member in block.members if member.is_active]

    def fit(self, is_resumed: bool) -> None:
        """Train until every member has ended.

        Raises:
            Interrupted: the group was asked to end; the members that have not ended have saved a checkpoint.
        """
        if not is_resumed:
            self._validate(self.active, before_training=True)
        self._end([member for member in self.active if member.is_over])
        while members := self.active:
            count = members[0].step.count
            end = min(member.plan.next_validation(count) for member in members)
            while count < end and (members := self.active):
                size = min(self._chunk_size(count), end - count)
                self._take(count, size)
                count += size
                due = [each for each in members if each.is_over or each.plan.next_validation(count - 1) == count]
                self._validate([member for member in due if member.is_active], before_training=False)
                self._end([member for member in members if member.is_active and member.is_over])
                self._boundary(count)

    @contextmanager
    def _alone(self, member: Member) -> Iterator[None]:
        """Context in which an exception ends `member` alone."""
        try:
            yield
        except Exception as error:
            member.is_active = False
            self.fail(member, error)

    def _chunk_size(self, count: int) -> int:
        """Return the number of steps of the next chunk. On a GPU it ends at a step that is measured, where the host waits."""
        size = max(1, min(CHUNK, int(CHUNK_SECONDS / self.step_seconds)))
        on_gpu = self.blocks[0].tensors[0].is_cuda
        return size + steps_to_log_point(count + size, self.active[0].task.measure_every) * on_gpu

    def _take(self, first: int, count: int) -> None:
        """Take `count` steps in every block that has an active member."""
        began, measuring = time.perf_counter(), 0.0
        due = self.probing.due(first, count)
        for block in [block for block in self.blocks if block.is_active]:
            started = time.perf_counter()
            taken = block.steps(first, count, self.probing, due)
            by_slot: list[list[float]] = taken.losses.T.tolist()
            values = {step: {name: each.tolist() for name, each in found.items()} for step, found in taken.measured.items()}
            members = [member for member in block.members if member.is_active]
            spent = sum(taken.seconds.values())
            share, measuring = (time.perf_counter() - started - spent) / len(members), measuring + spent
            for member in members:
                with self._alone(member):
                    member.spend({name: seconds / len(members) for name, seconds in taken.seconds.items()})
                    self._report(member, first, by_slot[member.slot], values, taken, share)
        elapsed = time.perf_counter() - began
        self.probing.settle(first, count, elapsed - measuring)
        self.step_seconds = elapsed / count

    def _report(
        self,
        member: Member,
        first: int,
        losses: list[float],
        values: dict[int, dict[str, list[float]]],
        taken: StackedSteps,
        seconds: float,
    ) -> None:
        """Report a chunk of steps to the observers of a member, whose share of the time is `seconds`."""
        clock, slot = member.observers.clock, member.slot
        clock.resume_from(clock.seconds + seconds)
        rows = member.block.tables[member]
        probed = {step: found.of_slot(slot) for step, found in taken.probed.items()}
        measured = {
            step: {
                **member.numbers.lrs(rows[step - first]),
                **{name: each[slot] for name, each in found.items()},
                **(probed[step][0] if step in probed else {}),
            }
            for step, found in values.items()
        }
        layers = {step: found for step, (_, found) in probed.items() if found}
        member.step.count = member.step.evaluations = first + len(losses)
        member.observers.steps_done(StepsDone(first, losses, range(first, member.step.count), measured, layers))

    def _validate(self, members: Sequence[Member], before_training: bool) -> None:
        """Validate `members`, and report the metrics to their observers."""
        due, batches = {id(member) for member in members}, list(self.data.val_dataloader()) if members else []
        for block in self.blocks:
            own = [member for member in block.members if id(member) in due]
            if not own:
                continue
            with evaluation_weights(block, own[0].step.count):
                for member, (metrics, undefined) in evaluate(block, own, batches, "valid").items():
                    with self._alone(member):
                        self._report_validation(member, metrics, undefined, before_training)

    def _report_validation(
        self, member: Member, metrics: dict[str, float], undefined: dict[str, str], before_training: bool
    ) -> None:
        step, stopping = member.step, member.observers.stopping
        digest = None if before_training else member.loader.digest(step.count)
        event = Validated(step.count, step.evaluations, metrics, undefined, before_training, digest, stopping)
        member.observers.validated(event)
        if not before_training:
            member.task.observe(metrics)

    def _end(self, members: Sequence[Member]) -> None:
        for member in members:
            member.is_active = False
            with self._alone(member):
                member.observers.ended(Ended(member.step.count, member.step.evaluations))
                self.finish(member)

    def _boundary(self, count: int) -> None:
        """Save the active members if a checkpoint is due, or if the group was asked to end, which then ends."""
        asked, began = self.interruption.asked, time.monotonic()
        if not asked and began < self.due:
            return
        for member in self.active:
            member.observers.checkpointing.save()
        now = time.monotonic()
        self.due = math.inf if self.every is None else now + max(self.every, (now - began) / SHARE)
        if asked and self.active:
            raise Interrupted(f"{asked} at step {count}")
