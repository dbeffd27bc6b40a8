"""The text of an exported script, in the order in which it is read: purpose, imports, config, data, model, loss, loop."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby, pairwise
from typing import Any

from descentlab.export.collect import RUN_PARTS, SETTINGS, Collector, Definition
from descentlab.export.literals import WIDTH, assignment, literal
from descentlab.export.modules import Module, free_names
from descentlab.export.prune import pruned
from descentlab.export.run_parts import TEMPLATE
from descentlab.store.record import Record

# The definitions that a script starts from, each with the title of the section that it and its own needs make.
ROOTS = (
    (RUN_PARTS, "load_data", "Data"),
    (f"{TEMPLATE}.batches", "batches", "Data"),
    (RUN_PARTS, "make_model", "Model"),
    (RUN_PARTS, "loss", "Loss and metrics"),
    (f"{TEMPLATE}.evaluation", "evaluate", "Loss and metrics"),
    (RUN_PARTS, "make_optimizers", "Optimizer"),
    (RUN_PARTS, "SCHEDULE", "Schedule"),
    (f"{TEMPLATE}.training", "main", "Training"),
)


def assembled(record: Record, notes: Sequence[str], constants: Mapping[str, Any], run_parts: str) -> str:
    """Return the script of a run.

    Args:
        record: the record of the run.
        notes: sentences about the differences between the script and the run.
        constants: the constants of template.settings.
        run_parts: the source of the functions of template.run_parts for this run.
    """
    collector = Collector(constants, run_parts)
    for module, name, section in ROOTS:
        collector.add(module, name, section)
    definitions = pruned(collector.definitions, {"main"})
    used = set().union(*(free_names(each.text) for each in definitions))
    blocks = [heading(record, notes), "\n".join(import_lines(definitions))]
    blocks.append(_title("Config"))
    blocks += config_lines(constants, used - {name for each in definitions for name in each.names})
    for title, group in groupby(sorted(definitions, key=_position), key=lambda each: each.section):
        blocks += [_title(title), *_with_sources(list(group), collector)]
    return joined([*blocks, 'if __name__ == "__main__":\n    main()'])


def heading(record: Record, notes: Sequence[str]) -> str:
    """Return the docstring of a script, and the directive that keeps annotations from being evaluated."""
    choices, versions = record.choices, record.versions
    problem = choices.get("problem", record.sweep)
    texts = [
        "It needs Python and torch only, and prints the values of the record's curves: losses and learning rates of training "
        "(train/), the metrics of validations (valid/), and at the end those of the weights that validated best on the test "
        f"split (test/). Recorded with torch {versions.get('torch')}; another version may round differently.",
        *notes,
    ]
    wrapped = "\n\n".join(textwrap.fill(text, WIDTH) for text in texts)
    title = f"Train {record.name}: {problem} with {choices.get('optimizer')}, seed {record.config['seed']}."
    return f'"""{title}\n\n{wrapped}\n"""\n\nfrom __future__ import annotations'


def config_lines(constants: Mapping[str, Any], used: set[str]) -> Iterator[str]:
    """Yield the assignments of the constants in `used`, in the order and with the comments of template.settings."""
    settings = Module.of(SETTINGS)
    for name in settings.statements:
        if name in constants and name in used:
            comment = re.search(r"  (# .*)", settings.text(name))
            yield assignment(name, literal(constants[name]), comment[1] if comment else "")


def import_lines(definitions: Sequence[Definition]) -> Iterator[str]:
    """Yield the import statements of the names that `definitions` use: the standard library, then torch."""
    plain: set[str] = set()
    named: dict[str, set[str]] = {}
    for definition in definitions:
        present = free_names(definition.text)
        for name, found in definition.imports.items():
            if name not in present:
                continue
            if found.name is None:
                plain.add(f"import {found.module}" + ("" if name == found.module else f" as {name}"))
            else:
                words = named.setdefault(found.module, set())
                words.add(found.name if name == found.name else f"{found.name} as {name}")
    lines = sorted(plain) + [f"from {module} import {', '.join(sorted(words))}" for module, words in sorted(named.items())]
    torch = [line for line in lines if re.match(r"(import|from) torch\b", line)]
    yield from [line for line in lines if line not in torch]
    yield from ["", *torch]


def joined(blocks: Sequence[str]) -> str:
    """Return top-level statements as one text: two blank lines around definitions and before titles."""
    text = blocks[0]
    for before, block in pairwise(blocks):
        if _is_definition(before) or _is_definition(block) or _is_title(block):
            text += "\n\n\n"
        else:
            text += "\n" if _is_assignment(before) and _is_assignment(block) else "\n\n"
        text += block
    return text + "\n"


def _is_definition(block: str) -> bool:
    return re.match(r"(#.*\n)*(@|def |class |if )", block) is not None


def _is_assignment(block: str) -> bool:
    return re.match(r"(#.*\n)*\w+(: .*)? = ", block) is not None


def _is_title(block: str) -> bool:
    return block.endswith("-----")


def _position(definition: Definition) -> int:
    """Return the place of a definition's section in a script."""
    return [title for *_, title in ROOTS].index(definition.section)


def _title(title: str) -> str:
    return f"# {title} {'-' * (WIDTH - len(title) - 3)}"


def _with_sources(definitions: Sequence[Definition], collector: Collector) -> Iterator[str]:
    """Yield the texts of definitions; the first of each file of the package has a comment that names the file."""
    named = {each.key[0] for each in definitions if _is_definition(each.text) and not each.key[0].startswith(TEMPLATE)}
    for definition in definitions:
        module, text = definition.key[0], definition.text.rstrip()
        if module in named:
            named.remove(module)
            source = f"From {module.replace('.', '/')}.py: {collector.summary(module)}"
            text = textwrap.fill(source, WIDTH, initial_indent="# ", subsequent_indent="# ") + "\n" + text
        yield text
