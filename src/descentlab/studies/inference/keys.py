"""Mistakes in the settings that all checks share."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

from descentlab.errors import format_value, nearest
from descentlab.studies.inference.bounds import mistakes_of_number
from descentlab.studies.inference.claims import arms_of
from descentlab.studies.inference.diverged import OPTIONS

COMMON = ("check", "arms", "level", "exact")
FLAGS = ("exact", "each", "pool")


def mistakes_of_keys(settings: Mapping[str, Any], keys: Iterable[str]) -> Iterator[str]:
    """Yield a sentence for each key that is neither common nor one of the check's `keys`, and for each wrong common value."""
    known = sorted({*COMMON, *keys})
    for key in (key for key in settings if key not in known):
        yield f"{key}: unknown key{nearest(str(key), known) or '.'} The check {settings['check']} has {', '.join(known)}."
    if "level" in settings:
        yield from mistakes_of_number("level", settings["level"], 0.5, 0.9999)
    for key in FLAGS:
        if not isinstance(settings.get(key, False), bool):
            yield f"{key} is true or false, got {format_value(settings[key])}."
    yield from mistakes_of_choice(settings, "diverged", OPTIONS)


def mistakes_of_choice(settings: Mapping[str, Any], key: str, options: Collection[str]) -> Iterator[str]:
    """Yield a sentence if the settings have a value of `key` that is not one of the options."""
    if key in settings and settings[key] not in options:
        value = format_value(settings[key])
        yield f"{key} is one of {', '.join(options)}, got {value}{nearest(value, options) or '.'}"


def mistakes_of_arms(settings: Mapping[str, Any], arms: Collection[str], fewest: int, most: int) -> Iterator[str]:
    """Yield a sentence for each mistake in the arms.

    Args:
        settings: those of the check.
        arms: the arms that the study has.
        fewest: the number that the check needs; 0: without arms it takes all of them.
        most: the greatest number that it takes.
    """
    given = settings.get("arms")
    if given is not None and not isinstance(given, str) and not _is_list_of_names(given):
        yield f"arms is a list of names, got {format_value(given)}."
        return
    named = arms_of(settings)
    for arm in dict.fromkeys(named):
        if arm not in arms:
            yield f"{arm}: there is no such arm{nearest(arm, arms) or '.'} The study has {', '.join(map(str, arms))}."
    if len(set(named)) < len(named):
        yield f"arms has a name twice: {', '.join(named)}."
    if not fewest <= len(named) <= most:
        number = str(fewest) if fewest == most else f"at least {fewest}"
        yield f"The check {settings['check']} needs {number} arms, got {len(named)}."


def _is_list_of_names(value: object) -> bool:
    return isinstance(value, list | tuple) and all(isinstance(name, str) for name in value)
