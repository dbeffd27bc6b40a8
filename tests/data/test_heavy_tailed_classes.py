"""Heavy-tailed classes: numbers of examples, means and noise."""

import pytest
import torch

from descentlab.data.heavy_tailed_classes import HeavyTailedClasses


@pytest.mark.parametrize("groups", [1, 3, 5])
def test_each_group_has_as_many_examples(groups):
    data = HeavyTailedClasses(groups, 0.5)
    classes = 2 ** (groups + 1) - 1
    for x, y in (data.splits.train, data.splits.valid, data.splits.test):
        counts = y.bincount().tolist()
        assert counts == [2 ** (groups - i) for i in range(groups + 1) for _ in range(2**i)]
        assert x.shape == ((groups + 1) * 2**groups, 2 * classes)
    assert data.inferred(data.splits) == {"num_features": 2 * classes, "num_classes": classes, "num_outputs": classes}


def test_points_of_a_class_are_its_mean_without_noise_in_all_splits():
    splits = HeavyTailedClasses(3, 0.0).splits
    (x, y), (other, _), (_, classes) = splits.train, splits.valid, splits.test
    assert torch.equal(x, other)
    assert torch.equal(y, classes)
    assert all(torch.equal(each, x[y == k][0]) for k in range(15) for each in x[y == k])
    assert float((x * x).sum(1).mean()) == pytest.approx(1.0, rel=0.15)


def test_noise_has_its_deviation_and_differs_between_splits():
    noisy, plain = HeavyTailedClasses(6, 0.5).splits, HeavyTailedClasses(6, 0.0).splits
    parts = [(getattr(noisy, name)[0] - getattr(plain, name)[0]) * 254**0.5 for name in ("train", "valid", "test")]
    for part in parts:
        assert float(part.std()) == pytest.approx(0.5, rel=0.02)
        assert float(part.mean()) == pytest.approx(0, abs=0.01)
    assert float((parts[0] * parts[1]).mean()) == pytest.approx(0, abs=0.01)


def test_a_wrong_number_of_classes_in_the_config_is_refused():
    with pytest.raises(ValueError, match=r"data\.num_classes is 63 in the config, but HeavyTailedClasses has 127"):
        _ = HeavyTailedClasses(6, 0.5, num_classes=63).splits
