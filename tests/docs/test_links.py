"""The links, anchors and paths in the documentation lead somewhere."""

from __future__ import annotations

import re

import pytest
from conftest import every_optimizer, options
from support.pages import INLINE, PAGES, ROOT, anchors, blocks, links, name_of, prose

from descentlab.training.callbacks import REFUSED

PATH = re.compile(r"(src|conf|scripts|tests|docs)/[\w./-]+")


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_links_lead_to_files_and_headings(page):
    broken = []
    for link in links(page):
        target, _, anchor = link.partition("#")
        path = (page.parent / target).resolve() if target else page
        if not path.exists() or (anchor and anchor not in anchors(path)):
            broken.append(link)
    assert not broken


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_paths_in_the_text_exist(page):
    shown = {block.role for block in blocks(page)}
    paths = [match["text"] for match in INLINE.finditer(prose(page)) if PATH.fullmatch(match["text"])]
    assert not [path for path in paths if not (ROOT / path).exists() and path not in shown and not re.search("[A-Z]{3}", path)]


def test_every_page_is_reachable_from_the_readme():
    found, todo = set(), [ROOT / "README.md"]
    while todo:
        page = todo.pop()
        if page in found:
            continue
        found.add(page)
        targets = ((page.parent / link.partition("#")[0]).resolve() for link in links(page))
        todo += [target for target in targets if target.suffix == ".md" and target.exists()]
    assert found >= set(PAGES)


def test_readme_has_at_most_150_lines():
    assert len((ROOT / "README.md").read_text().splitlines()) <= 150


def test_readme_counts_problems_and_optimizers():
    text = (ROOT / "README.md").read_text()
    assert f"**Problems**: {len(options('problem'))}," in text
    assert f"**Optimizers**: {len(every_optimizer())}," in text


def test_catalogues_name_every_problem_and_optimizer():
    problems, optimizers = ((ROOT / "docs" / name).read_text() for name in ("problems.md", "optimizers.md"))
    assert not [name for name in options("problem") if f"`{name}`" not in problems]
    listed = set(re.split(r"[^\w/]+", optimizers))
    assert not [name for name in every_optimizer() if name not in listed]


def test_problems_page_names_every_reference():
    text = (ROOT / "docs" / "problems.md").read_text()
    assert not [name for name in options("baseline") if name not in text]


def test_optimizers_page_names_every_schedule():
    text = (ROOT / "docs" / "optimizers.md").read_text()
    assert not [name for name in options("schedule") if name not in text]


def test_callbacks_page_names_every_refused_callback():
    text = (ROOT / "docs" / "extending" / "callback.md").read_text()
    assert not [name for name in REFUSED if not re.search(rf"\| .*`\w*{name}`.* \|", text)]
