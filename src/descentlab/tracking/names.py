"""Names in Weights & Biases: ids, groups, tags, x axes and titles, within its limits and equal to those of the report."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from descentlab.errors import UsageError
from descentlab.report.series import ROLE_NAMES
from descentlab.report.settings import Configured, Settings, format_assignment, series_key, settings_of
from descentlab.store.job import Job
from descentlab.store.manifest import Manifest, Role, roles_of

LONGEST, LONGEST_TAG, HASH = 128, 64, 8  # maximum lengths of an id, a name or a group, and of a tag; length of our hash
RESERVED = r"""[:;,#?/'\\%]"""  # characters not allowed in an id, by wandb's settings and the documentation of wandb.init
DIGITS = 6  # of the hash at the end of a group

# W&B's terminal interface draws a chart per name, in the order of their bytes. Titles, which begin with a capital letter, come
# first; the axes, with this prefix, come after "train/..." and "valid/...".
AXES = {axis: f"x/{axis}" for axis in ("step", "epoch", "examples", "gradient_evaluations", "train_seconds")}


def tiles(monitor: str) -> dict[str, str]:
    """Return the curves that are charted first, the training loss and the monitored metric, each with its title."""
    return {"train/loss": "Training loss", f"valid/{monitor}": f"Validation {monitor}"}


def group_of(run: Configured, role: Role | None = None) -> str:
    """Return the W&B group of a run, which is equal for the runs of a series: those that differ in their seeds only.

    It reads "digits_mlp / adam lr=0.001 3f2a91": the problem, the optimizer, its learning rate and the other keys of its
    search space, in a tuned sweep the role, and a hash of all settings, since W&B knows no sweep to compare them with.
    """
    settings = settings_of(run)
    words = [settings["optimizer"], *(format_assignment(key, settings[key]) for key in _tuned_keys(run, settings))]
    words += [f"({ROLE_NAMES[role]})"] if role else []
    return shortened(f"{settings['problem']} / {' '.join(words)} {_hash(series_key(run))[:DIGITS]}", LONGEST)


def _tuned_keys(run: Configured, settings: Settings) -> Iterator[str]:
    """Yield the learning rate and the keys of the search space, of those that the run has."""
    search: Mapping[str, object] = run.config.get("search") or {}
    keys = ["optimizer.lr", *(name if "." in name else f"optimizer.{name}" for name in search)]
    return (key for key in dict.fromkeys(keys) if key in settings)


def starting_roles(manifests: Sequence[Manifest]) -> dict[str, Role]:
    """Return the role that each run of tuned sweeps has when it starts, by run id; W&B keeps it in the run's group.

    Runs of the default settings start before a trial is selected. If the selected settings are equal to them, the report
    counts the runs as those of the selected settings.
    """
    default: dict[str, Role] = {id: "default" for manifest in manifests for arm in manifest.arms for id in arm.default}
    return roles_of(manifests) | default


def role_of(job: Job) -> Role | None:
    """Return the role with which a run of a tuned sweep starts; None in other sweeps, or if the manifest cannot be read."""
    try:
        manifest = Manifest.read(job.folder.parent)
    except UsageError:
        return None
    return starting_roles([manifest]).get(job.id) if manifest else None


def tags_of(run: Configured, sweep: str, role: Role | None = None) -> list[str]:
    """Return the W&B tags of a run: its problem, optimizer and sweep, and in a tuned sweep its role."""
    named = {group: run.choices.get(group) for group in ("problem", "optimizer")} | {"sweep": sweep, "role": role}
    return [tag(key, value) for key, value in named.items() if value]


def tag(key: str, value: str) -> str:
    """Return a W&B tag such as "problem:digits_mlp"."""
    return shortened(f"{key}:{value}", LONGEST_TAG)


def run_id(wanted: str) -> str:
    """Return the text as an id of a W&B run: shortened, without the characters that W&B refuses."""
    allowed = re.sub(RESERVED, "_", wanted)
    return shortened(allowed if allowed == wanted else f"{allowed}-{_hash(wanted)}", LONGEST)


def shortened(text: str, longest: int) -> str:
    """Return `text`; if it has more than `longest` characters, its beginning and a hash of it."""
    return text if len(text) <= longest else f"{text[: longest - HASH - 1]}-{_hash(text)}"


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:HASH]


def destination(runs: Iterable[Configured]) -> dict[str, str | None]:
    """Return the W&B project and entity of the first run that is logged to W&B; None without one."""
    logger = next((node for run in runs if (node := run.config.get("logger") or {}).get("project")), {})
    return {"project": logger.get("project"), "entity": logger.get("entity")}


def tracked(sweep: Path) -> bool:
    """Return True if a run of the sweep was logged to W&B, online or offline."""
    return any((sweep / "wandb").glob("*run-*"))
