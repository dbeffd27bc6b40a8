"""The examples of the documentation work in a copy of the checkout: files are added to it, commands are executed there."""

from __future__ import annotations

import ast

import pytest
import yaml
from support.pages import PAGES, add_files, blocks, checkout, name_of, run_examples

from descentlab.store.record import find

WITH_EXAMPLES = [page for page in PAGES if any(block.role == "run" for block in blocks(page))]
EXTENDING = [page for page in PAGES if page.parent.name == "extending" and page.stem != "index"]


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_files_of_examples_can_be_parsed(page):
    for block in blocks(page):
        if block.language == "python":
            ast.parse(block.text)
        elif block.language == "yaml":
            yaml.safe_load(block.text)


@pytest.mark.parametrize("page", EXTENDING, ids=name_of)
def test_every_extension_has_a_complete_example(page):
    assert any(block.is_file for block in blocks(page))
    assert page in WITH_EXAMPLES


@pytest.mark.slow
@pytest.mark.parametrize("page", WITH_EXAMPLES, ids=name_of)
def test_examples_run(page, tmp_path):
    folder = checkout(tmp_path)
    add_files(page, folder)
    for result in run_examples(page, folder):
        assert result.returncode == 0, result.stdout + result.stderr
    records = [record for sweep in (folder / "outputs").glob("*") if sweep.is_dir() for record in find(sweep)]
    assert all(record.status == "completed" for record in records)
