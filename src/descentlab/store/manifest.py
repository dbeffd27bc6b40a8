"""The manifest of a tuning sweep: which of its runs are trials, which trial was selected, and which runs report the result.

The roles of runs are stored here and not in their configs, so that they do not change run ids.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal, Self

from filelock import FileLock

from descentlab.errors import UsageError
from descentlab.store.record import read_json, write_json

MANIFEST = "tuning.json"  # in the sweep's folder
MANIFEST_LOCK = ".tuning.lock"  # in the sweep's folder; held while a command reads the manifest and writes it again
PATIENCE = 60.0  # seconds to wait for another command that holds it

Role = Literal["trial", "report", "default", "superseded"]


@dataclass(frozen=True)
class Trial:
    """A point of a search space, trained with the tuning seeds.

    Attributes:
        index: its position in the sequence of points, counted from 0.
        point: dotted config key -> value.
        runs: run ids, one for each tuning seed; after successive halving, those of the largest budget that it reached.
        value: the monitored validation metric, a mean over the tuning seeds; None if it has not ended, diverged or failed.
        pruned: True if successive halving ended it before the full budget.
        earlier: run ids of smaller budgets of successive halving.
    """

    index: int
    point: dict[str, Any]
    runs: list[str]
    value: float | None = None
    pruned: bool = False
    earlier: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Arm:
    """One optimizer on one problem: its search space, its trials, and the runs that report its result.

    Attributes:
        name: the optimizer, followed by the overrides that not all arms of the sweep share: "adam", "adam batch_size=32".
        problem: the name of the problem.
        optimizer: the option of the config group `optimizer`.
        overrides: the overrides of the command for this arm.
        space: dotted config key -> range, as its `search` node specifies.
        trials: in order of their index.
        selected: the index of the trial with the best value; None while the trials are not complete.
        report: ids of the runs of the selected point with the report seeds.
        default: ids of the runs of the optimizer's default settings with the report seeds.
        superseded: ids of runs of earlier commands that are none of these: reports of a point that was selected from fewer
            trials, or trials beyond those of this command. They count in the bill only.
        id: ten hexadecimal digits that identify the config of the arm and its search space. Arms are distinguished by it;
            their names may change when commands add arms to the sweep.
    """

    name: str
    problem: str
    optimizer: str
    overrides: list[str] = field(default_factory=list)
    space: dict[str, Any] = field(default_factory=dict)
    trials: list[Trial] = field(default_factory=list)
    selected: int | None = None
    report: list[str] = field(default_factory=list)
    default: list[str] = field(default_factory=list)
    superseded: list[str] = field(default_factory=list)
    id: str = ""

    @property
    def runs(self) -> list[str]:
        """The ids of all runs of the arm, each once."""
        trials = [id for trial in self.trials for id in (*trial.earlier, *trial.runs)]
        return list(dict.fromkeys([*trials, *self.report, *self.default, *self.superseded]))


@dataclass(frozen=True)
class Manifest:
    """The protocol of a tuning sweep and the state of each arm.

    Attributes:
        sampler: the strategy that proposes points: sobol, halton, random, grid or tpe.
        version: the library that implements the sampler, and its version.
        sampler_seed: the seed of the sampler.
        tuning_seeds: the seeds of the trials of any arm.
        report_seeds: the seeds of the runs that report, of any arm; disjoint from `tuning_seeds`.
        arms: one for each combination of problem, optimizer and other swept settings.
        halving: the factor of successive halving; None: every trial takes the full budget.
    """

    sampler: str
    version: str
    sampler_seed: int
    tuning_seeds: list[int]
    report_seeds: list[int]
    arms: list[Arm]
    halving: float | None = None

    @property
    def sampling(self) -> str:
        """The settings that determine the trials of an arm, as text; all arms of a sweep have the same."""
        halving = "null" if self.halving is None else f"{self.halving:g}"
        return f"sampler={self.sampler} ({self.version}) sampler_seed={self.sampler_seed} halving={halving}"

    def write(self, sweep: Path) -> None:
        """Write the manifest to the sweep's folder, atomically."""
        write_json(sweep / MANIFEST, asdict(self), durable=True)

    @classmethod
    def read(cls, sweep: Path) -> Self | None:
        """Return the manifest in a sweep's folder; None if the sweep was not tuned.

        Raises:
            UsageError: the file is damaged, or was written by another version of descentlab.
        """
        if not (sweep / MANIFEST).exists():
            return None
        content = read_json(sweep / MANIFEST)
        try:
            return cls(**{**content, "arms": [_arm(arm) for arm in content["arms"]]})
        except (KeyError, TypeError) as error:
            raise UsageError(
                f"{sweep / MANIFEST} cannot be read: it is damaged, or of another version of descentlab; "
                "give the sweep another name (sweep=NAME), or remove the file, which leaves the runs without their roles"
            ) from error

    @staticmethod
    @contextmanager
    def locked(sweep: Path) -> Iterator[None]:
        """Lock the manifest of a sweep's folder, so that no other command writes it between reading and writing.

        Raises:
            OSError: the lock cannot be created, or another command holds it for a minute.
        """
        with FileLock(sweep / MANIFEST_LOCK, timeout=PATIENCE):
            yield


@dataclass(frozen=True)
class Membership:
    """The part of a run in a tuned sweep.

    Attributes:
        role: trial, report, default or superseded.
        arm: the name of its arm.
        trial: the index of its trial; None for other roles.
    """

    role: Role
    arm: str
    trial: int | None = None


def memberships(manifests: Iterable[Manifest]) -> dict[str, Membership]:
    """Return the membership of each run of tuned sweeps, by run id.

    A run that has several roles, in any arms, has the last of these: superseded, trial, default, report.
    """
    arms = [arm for manifest in manifests for arm in manifest.arms]
    found: dict[str, Membership] = {}
    for arm in arms:
        found |= dict.fromkeys(arm.superseded, Membership("superseded", arm.name))
    for arm in arms:
        for trial in arm.trials:
            found |= dict.fromkeys((*trial.earlier, *trial.runs), Membership("trial", arm.name, trial.index))
    for arm in arms:
        found |= dict.fromkeys(arm.default, Membership("default", arm.name))
    for arm in arms:
        found |= dict.fromkeys(arm.report, Membership("report", arm.name))
    return found


def roles_of(manifests: Iterable[Manifest]) -> dict[str, Role]:
    """Return the role of each run of tuned sweeps, by run id (see `memberships`)."""
    return {id: member.role for id, member in memberships(manifests).items()}


def _arm(content: Mapping[str, Any]) -> Arm:
    """Return the arm with this content. Raises KeyError if it has no id, which tells it from other arms."""
    return Arm(**{**content, "id": content["id"], "trials": [Trial(**trial) for trial in content["trials"]]})
