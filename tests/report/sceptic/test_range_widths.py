"""Search ranges of different width."""

from __future__ import annotations


def test_ranges_of_different_width_are_flagged(make_arm, make_sweep, flags):
    make_sweep(
        make_arm("adam", [0.01, 0.02, 0.03], 0.02, space=(1e-4, 1.0)),
        make_arm("sgd", [0.01, 0.02, 0.03], 0.02, space=(1e-3, 0.1)),
    )
    (flag,) = flags("range_widths")
    assert flag.subject == "adam"
    assert "adam spans 4 decades (0.0001 to 1), of sgd spans 2 decades (0.001 to 0.1)" in flag.message


def test_shifted_ranges_of_equal_width_are_not_flagged(make_arm, make_sweep, flags):
    make_sweep(
        make_arm("adam", [0.01, 0.02, 0.03], 0.02, space=(1e-4, 1.0)),
        make_arm("sgd", [0.01, 0.02, 0.03], 0.02, space={"low": 1e-3, "high": 10.0, "scale": "log"}),
    )
    assert flags("range_widths") == []


def test_linear_ranges_are_not_compared_in_decades(make_arm, make_sweep, flags):
    linear = {"low": 0.001, "high": 0.5, "scale": "linear"}
    make_sweep(
        make_arm("adam", [0.01, 0.02, 0.03], 0.02),
        make_arm("sgd", [0.01, 0.02, 0.03], 0.02, space=linear),
    )
    assert flags("range_widths") == []
