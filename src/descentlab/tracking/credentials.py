"""Detection of W&B credentials without importing wandb, which takes most of a second."""

from __future__ import annotations

import os
from pathlib import Path

KEYS = ("WANDB_API_KEY", "WANDB_IDENTITY_TOKEN_FILE")  # variables that hold credentials
WITHOUT_SERVER = ("offline", "dryrun", "disabled")  # values of WANDB_MODE with which nothing is sent


def may_be_online() -> bool:
    """Return True if runs may be logged online: WANDB_MODE specifies so, or is not set and there may be credentials."""
    mode = os.environ.get("WANDB_MODE")
    return mode not in WITHOUT_SERVER if mode else may_have_credentials()


def may_have_credentials() -> bool:
    """Return False if `wandb.login` would find no credentials; True if only wandb itself can tell.

    `wandb.login` takes them from variables, from W&B's settings files, and from the entry of the server in the netrc file.
    """
    if any(os.environ.get(name) for name in KEYS) or any(file.exists() for file in _settings_files()):
        return True
    servers = ("wandb", "default") if not os.environ.get("WANDB_BASE_URL") else ("",)
    return any(server in text for text in map(_read, _netrc_files()) for server in servers if text)


def _settings_files() -> list[Path]:
    system = Path(os.environ.get("WANDB_CONFIG_DIR") or Path.home() / ".config" / "wandb")
    workspace = Path(os.environ.get("WANDB_DIR") or ".")
    return [folder.expanduser() / "settings" for folder in (system, workspace / "wandb", workspace / ".wandb")]


def _netrc_files() -> list[Path]:
    named = os.environ.get("NETRC")
    return [Path(named).expanduser()] if named else [Path.home() / ".netrc", Path.home() / "_netrc"]


def _read(path: Path) -> str:
    try:
        return path.read_text(errors="replace")
    except OSError:
        return ""
