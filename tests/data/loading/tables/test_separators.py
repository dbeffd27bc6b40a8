"""Detection of the separator."""

from __future__ import annotations

import pytest

from descentlab.data.fetch.sources import DataError
from descentlab.data.loading.tables.separators import BLANK, NONE, detect_separator, single_blanks


@pytest.mark.parametrize(
    ("text", "separator"),
    [
        ("a;b\n1,5;2,5\n3,5;4,5\n", ";"),
        ('a,b\n"x;y;z",2\n', ","),
        ("y\n1,5\n2,5\n", NONE),
        ("5,1;1,7;0,4\n2,2;1,1;0,3\n", ";"),
        ("5,1\t1,7\t0,4\n2,2\t1,1\t0,3\n", "\t"),
        ("1;2,3;4\n5;6,7;8\n", ";"),
        ("1.5,2.5\n3.5,4.5\n", ","),
        ("1,257;3\n2,500;4\n", ";"),
        ("Doe, J|5|3\nRoe, K|6|2\n", "|"),
        ("x y\n1 2\n3 4\n", BLANK),
        ("  x   y\n 1.5  2\n 10  4\n", BLANK),
        ("1,5 2,5\n3,5 4,5\n", BLANK),
        ("x, y\n1, 2\n3, 4\n", ","),
        ("10 000,5 000\n20 000,6 000\n", ","),
        ("2024-01-01 10:00,5\n2024-01-02 11:00,6\n", ","),
        ("1 kg,2 kg\n3 kg,4 kg\n", ","),
        ("a sentence\nanother one\nthe last\n", NONE),
        ("# from us\na;b\n1;2\n3;4\n", ";"),
        ("# from us, to you; all\n1;2\n3;4\n5;6\n", ";"),
        ("a,b\n1,2,3\n4;5\n", ","),
        ('"a"\n"b"\n', NONE),
        ('"1,5";"2,5"\n"3,5";"4,5"\n', ";"),
    ],
)
def test_separator_is_detected(text, separator):
    assert detect_separator(text) == separator


def test_equally_good_separators_are_refused():
    with pytest.raises(DataError, match=r"separated by ',' or ';', both of which fit.*data.separator=.* or .*data.separator="):
        detect_separator("a,b;c\nd,e;f\n")


def test_runs_of_blanks_in_quotes_are_kept():
    assert single_blanks(' a  "b  c"\t d \n  1 2   3\n') == 'a "b  c" d\n1 2 3\n'


def test_empty_cell_between_tabs_is_kept():
    assert detect_separator("a\ty\n\t27\nNA\t-48\n \t-41\n") == "\t"
