"""Measures of ranking equal scikit-learn's, with ties and padding, and are averaged over batches and processes."""

from functools import partial

import numpy as np
import pytest
import torch
from sklearn.metrics import average_precision_score, ndcg_score
from torch import nn

from descentlab.optim.recipe import Recipe
from descentlab.tasks.losses.ranking import ranknet
from descentlab.tasks.metrics.ranking import Ordered, OverRows, average_precision, ndcg, recall
from descentlab.tasks.ranking import Ranking

CASES = {
    "by hand": ([3.0, 2.0, 1.0, 0.5], [0, 2, 4, 0]),
    "all tied": ([1.0] * 4, [0, 2, 4, 0]),
    "ties in the middle and at the cut": ([5.0, 3.0, 3.0, 3.0, 1.0, 1.0], [0, 3, 0, 1, 4, 0]),
    "the best first": ([4.0, 3.0, 2.0], [4, 1, 0]),
}
every_case = pytest.mark.parametrize("case", CASES)


def random(rows=20, n=12, seed=0):
    """Return scores with ties, labels, and a mask of documents, (rows, n) each; every row has a relevant document."""
    rng = np.random.default_rng(seed)
    scores, labels = rng.integers(0, 6, (rows, n)).astype(np.float32), rng.integers(0, 5, (rows, n))
    lengths = rng.integers(3, n + 1, rows)
    present = np.arange(n) < lengths[:, None]
    labels[:, 0] = 4
    return scores, labels, present


def measured(measure, scores, labels):
    return measure(Ordered.by(torch.as_tensor(scores), torch.as_tensor(labels)))


def test_ndcg_of_a_hand_computed_case():
    """DCG at 3: 0 + 3 / log2(3) + 15 / log2(4); ideal: 15 + 3 / log2(3)."""
    scores, labels = CASES["by hand"]
    expected = (3 / np.log2(3) + 15 / 2) / (15 + 3 / np.log2(3))
    assert float(measured(partial(ndcg, k=3), [scores], [labels])) == pytest.approx(expected)


@every_case
@pytest.mark.parametrize("k", [1, 2, 3, 10])
def test_ndcg_equals_scikit_learns_with_exponential_gains(case, k):
    scores, labels = CASES[case]
    expected = ndcg_score([np.exp2(labels) - 1], [scores], k=k)
    assert float(measured(partial(ndcg, k=k), [scores], [labels])) == pytest.approx(expected, rel=1e-5)


@every_case
def test_average_precision_equals_scikit_learns(case):
    scores, labels = CASES[case]
    expected = average_precision_score(np.array(labels) >= 1, scores)
    assert float(measured(average_precision, [scores], [labels])) == pytest.approx(expected, rel=1e-5)


def test_padding_does_not_change_the_measures():
    scores, labels, present = random()
    padded = np.where(present, labels, -1)
    for k in (1, 5, 10):
        expected = [ndcg_score([np.exp2(y[p]) - 1], [s[p]], k=k) for s, y, p in zip(scores, labels, present, strict=True)]
        np.testing.assert_allclose(measured(partial(ndcg, k=k), scores, padded), expected, rtol=1e-5)
    expected = [average_precision_score(y[p] >= 1, s[p]) for s, y, p in zip(scores, labels, present, strict=True)]
    np.testing.assert_allclose(measured(average_precision, scores, padded), expected, rtol=1e-5)


def test_recall_is_the_fraction_found():
    scores, labels = [[9.0, 8.0, 7.0, 6.0, 5.0]], [[1, 0, 1, 1, -1]]
    assert float(measured(partial(recall, k=2), scores, labels)) == pytest.approx(1 / 3)
    assert float(measured(partial(recall, k=99), scores, labels)) == 1


def test_recall_of_tied_scores_is_the_mean_over_their_orders():
    assert float(measured(partial(recall, k=1), [[2.0, 2.0, 2.0, 1.0]], [[1, 0, 0, 0]])) == pytest.approx(1 / 3)


def test_excluded_documents_have_no_rank():
    assert float(measured(partial(ndcg, k=1), [[9.0, 1.0, 0.0]], [[-1, 1, 0]])) == 1


@pytest.mark.parametrize("measure", [partial(ndcg, k=5), partial(recall, k=5), average_precision])
def test_row_without_a_relevant_document_counts_as_0(measure):
    assert float(measured(measure, [[1.0, 2.0, 3.0]], [[0, 0, -1]])) == 0


def test_order_of_documents_does_not_matter():
    scores, labels, present = random()
    padded, order = np.where(present, labels, -1), np.random.default_rng(1).permutation(scores.shape[1])
    for measure in (partial(ndcg, k=5), partial(recall, k=5), average_precision):
        torch.testing.assert_close(measured(measure, scores[:, order], padded[:, order]), measured(measure, scores, padded))


def test_measures_are_averaged_over_all_rows_of_batches_and_processes():
    scores, labels, present = random()
    scores, padded = torch.as_tensor(scores), torch.as_tensor(np.where(present, labels, -1))
    measures = {"ndcg_at_5": partial(ndcg, k=5), "map": average_precision}
    whole, parts = OverRows(measures), [OverRows(measures) for _ in range(2)]
    whole.update(scores, padded)
    for rank, part in enumerate(parts):  # uneven: 13 + 7 rows
        rows = slice(0, 13) if rank == 0 else slice(13, None)
        for s, y in zip(scores[rows].split(4), padded[rows].split(4), strict=True):
            part.update(s, y)
    parts[0].merge_state(parts[1])  # as the states are reduced over processes
    for name, value in whole.compute().items():
        torch.testing.assert_close(parts[0].compute()[name], value)
        torch.testing.assert_close(value, measured(measures[name], scores, padded).mean())


def test_task_reports_measures_by_name():
    task = Ranking(ranknet, model=nn.Identity(), recipe=Recipe(optimizer=torch.optim.SGD), monitor="loss", mode="min")
    scores, labels, present = random()
    task.validation_step((torch.as_tensor(scores), torch.as_tensor(np.where(present, labels, -1))), 0)
    found = task.valid.collect("valid/")
    assert set(found) == {f"valid/{name}" for name in ("loss", "ndcg_at_1", "ndcg_at_5", "ndcg_at_10", "map")}


def test_artifact_lists_the_labels_in_the_order_of_scores():
    task = Ranking(ranknet, model=nn.Identity(), recipe=Recipe(optimizer=torch.optim.SGD), monitor="loss", mode="min")
    shown = task.artifacts((torch.tensor([[0.1, 0.9, 0.5, 9.0]]), torch.tensor([[0, 2, 1, -1]])))
    assert shown["rankings.txt"].splitlines()[1:] == ["2 1 0  (3 documents)"]
