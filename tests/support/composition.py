"""Caches for the tests: Hydra parses each config file once, and composes each choice of descentlab's files once."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from hydra.core.config_loader import ConfigLoader
from omegaconf import DictConfig, OmegaConf


@contextmanager
def cached_composition(loader: ConfigLoader) -> Iterator[None]:
    """Cache the results of Hydra, which take most of the time of the tests of commands, until the end of the context.

    Each call returns a separate copy. A parsed file is found by its text. A composed config is found by the overrides and the
    working directory, and only if all files are those of `loader`: a test with a config folder of its own composes.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(OmegaConf, "load", staticmethod(_by_text(OmegaConf.load)))
        patch.setattr(type(loader), "load_configuration", _by_overrides(type(loader).load_configuration, _sources(loader)))
        yield


def _by_text(load: Callable[..., Any]) -> Callable[..., Any]:
    parsed: dict[str, bytes] = {}

    def load_once(file_: Any) -> Any:
        if not hasattr(file_, "read"):
            return load(file_)
        start = file_.tell()
        text = file_.read()
        if text not in parsed:
            file_.seek(start)
            parsed[text] = pickle.dumps(load(file_))
        return pickle.loads(parsed[text])

    return load_once


def _by_overrides(load: Callable[..., DictConfig], sources: list[str]) -> Callable[..., DictConfig]:
    composed: dict[tuple[Any, ...], bytes] = {}

    def load_once(self: ConfigLoader, config_name: str | None, overrides: list[str], run_mode: Any, **more: Any) -> DictConfig:
        if _sources(self) != sources or any("searchpath" in override for override in overrides):
            return load(self, config_name, overrides, run_mode, **more)
        key = (config_name, *overrides, run_mode, *more.items(), Path.cwd())
        if key not in composed:
            composed[key] = pickle.dumps(load(self, config_name, overrides, run_mode, **more))
        return pickle.loads(composed[key])

    return load_once


def _sources(loader: ConfigLoader) -> list[str]:
    return [str(element.path) for element in loader.get_search_path().get_path()]
