import numpy as np
import pytest


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("optimizer.lr=logspace(-3,1,5)", [0.001, 0.01, 0.1, 1.0, 10.0]),
        ("optimizer.lr=logspace(-1.5,0,4)", np.logspace(-1.5, 0, 4)),
        ("optimizer.lr=linspace(0,1,5)", [0, 0.25, 0.5, 0.75, 1]),
    ],
)
def test_spaced_values_are_swept(plan, word, expected):
    jobs, _ = plan(word)

    assert [job.config["optimizer"]["lr"] for job in jobs] == pytest.approx(list(expected), rel=1e-11)


def test_powers_of_ten_are_not_rounded(plan):
    assert [job.config["optimizer"]["lr"] for job in plan("optimizer.lr=logspace(-5,-2,4)")[0]] == [1e-5, 1e-4, 1e-3, 1e-2]


@pytest.mark.parametrize("arguments", ["-3,1", "-3,1,1", "a,1,3"])
def test_wrong_arguments_are_explained(refused, arguments):
    message = refused(f"optimizer.lr=logspace({arguments})")

    assert "write optimizer.lr=logspace(START,STOP,COUNT) with a COUNT of at least 2" in message
