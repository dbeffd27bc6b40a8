"""The command `python train.py`: Hydra composes, `sweeps` does the rest. Keeps torch out of this process."""

from __future__ import annotations

import os
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from omegaconf import DictConfig

    from descentlab.sweeps.launch import Composed


def main(conf_dir: Path) -> None:
    """Run the command line in sys.argv against the config groups in `conf_dir`; leaves by SystemExit.

    Exit codes: 0 every run ended with a result, 1 some run did not, 2 the command cannot be carried out, 130 interrupted.
    """
    import hydra

    from descentlab.messages import COMPOSITION_ERRORS, UsageError, explain
    from descentlab.sweeps.launch import launch

    traceback_wanted = "HYDRA_FULL_ERROR" in os.environ
    os.environ["HYDRA_FULL_ERROR"] = "1"  # Hydra then raises instead of printing, and `explain` gets to speak
    try:
        composed: list[Composed] = []
        hydra.main(config_path=str(conf_dir), config_name="train", version_base="1.3")(partial(_keep, composed))()
        raise SystemExit(launch(composed) if composed else 0)
    except (UsageError, *COMPOSITION_ERRORS) as error:
        if traceback_wanted:
            raise
        message = str(error) if isinstance(error, UsageError) else explain(error)
        print(f"train.py: {message}", file=sys.stderr)
        raise SystemExit(2) from None
    except KeyboardInterrupt:  # before training began; during it, the queue winds up and says so
        raise SystemExit(130) from None


def _keep(composed: list[Composed], config: DictConfig) -> None:
    """Hydra's task function: a single run starts only when Hydra is done. (A sweep is started by its launcher.)"""
    from hydra.core.hydra_config import HydraConfig

    from descentlab.sweeps.launch import Composed

    hydra = HydraConfig.get()
    composed.append(Composed(config, dict(hydra.runtime.choices), list(hydra.overrides.task)))
