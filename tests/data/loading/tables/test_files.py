"""Table files: encodings, separators, headers, compression, and files that are not tables."""

from __future__ import annotations

import gzip
import io

import numpy as np
import polars as pl
import pytest

X = np.random.default_rng(0).normal(size=(60, 2)).round(3)
BODY = "".join(f"{x},{y}\n" for x, y in X)
PLAIN = f"größe,y\n{BODY}"


@pytest.fixture
def digest(table):
    return table(PLAIN).splits.digest()


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "latin-1", "cp1252", "utf-16"])
def test_encoding_is_read(table, digest, encoding):
    key = {} if encoding.startswith("utf-8") else {"encoding": encoding}
    assert table(PLAIN.encode(encoding), **key).splits.digest() == digest


@pytest.mark.parametrize(("encoding", "fix"), [("latin-1", "data.encoding=latin-1"), ("utf-16", "data.encoding=utf-16")])
def test_encoding_other_than_utf_8_is_refused_with_its_key(refusal, encoding, fix):
    message = refusal(PLAIN.encode(encoding))
    assert "is not utf-8" in message
    assert fix in message


def test_null_characters_and_unknown_encodings_are_refused(refusal):
    assert "data.encoding=utf-16" in refusal(PLAIN.replace("ö", "o").replace("ß", "s").encode("utf-16-le"))
    assert "data.encoding=klingon: unknown encoding" in refusal(PLAIN, encoding="klingon")


@pytest.mark.parametrize("separator", [",", ";", "\t", "|", " ", "^"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_separator_is_detected_or_given(table, digest, separator, end):
    key = {"separator": "tab" if separator == "\t" else separator} if separator in "\t ^" else {}
    assert table(PLAIN.replace(",", separator).replace("\n", end), **key).splits.digest() == digest


def test_gzip_header_and_skipped_lines(table, digest):
    assert table(gzip.compress(PLAIN.encode()), name="x.csv.gz").splits.digest() == digest
    assert table(gzip.compress(PLAIN.encode()), name="x.gz").splits.digest() == digest
    assert table(f"# from, us, all\n\n{PLAIN}", skip=2).splits.digest() == digest
    headless = table(BODY, header=False, target="column_2")
    assert headless.splits.digest() == digest
    assert [column["name"] for column in headless.columns] == ["column_1", "column_2"]
    assert not headless.warnings


def test_blank_lines_padded_names_and_quoted_line_ends_are_read(table, digest):
    assert table("\n" + PLAIN.replace("\n", "\n\n")).splits.digest() == digest
    assert table(PLAIN.replace("größe,y", " größe , y ")).splits.digest() == digest
    words = table("t,x,y\n" + "".join(f'"a\n{place % 3}",{x},{y}\n' for place, (x, y) in enumerate(X)))
    assert words.splits.train[0].shape[1] == 4


def test_parquet_is_recognised_by_its_content(table, digest):
    file = io.BytesIO()
    pl.DataFrame({"größe": X[:, 0], "y": X[:, 1]}).write_parquet(file)
    assert table(file.getvalue(), name="x.csv").splits.digest() == digest
    assert table(file.getvalue(), name="x").splits.digest() == digest


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "is empty"),
        ("\n\n", "is empty"),
        ("x,y\n", "the table has no row below its header"),
        ("x,y\n1,2\n", "train, valid and test needs at least one: add rows"),
        ("x,y\n1,2\n3,4\n", "train, valid and test needs at least one: add rows"),
        ("x,x,y\n1,2,3\n", "several columns named x"),
        (f"x,z,y\n{''.join(f'1,{x},{y}' + chr(10) for x, y in X)}3\n", "line 62 of the table has 1 cells, the first line 3"),
        (PLAIN + "1,2,3\n", "line 62 of the table has 3 cells, the first line 2"),
        (PLAIN + '"1,2\n3,4\n', "line 62 of the file has a double quote that is not closed"),
        (PLAIN + '1,"2\n3,4\n', "line 62 of the file has a double quote that is not closed"),
        (bytes(range(256)), "is not utf-8"),
    ],
)
def test_files_that_are_not_tables_are_refused(refusal, content, message):
    assert message in refusal(content)


@pytest.mark.parametrize(
    ("name", "content"),
    [("x.csv.gz", gzip.compress(PLAIN.encode(), mtime=0)[:40]), ("x.json", "{}"), ("x.csv", b"PAR1 and no more")],
)
def test_unreadable_files_are_refused(refusal, name, content):
    assert f"{name} cannot be read as a table" in refusal(content, name=name)


def test_missing_file_is_refused(refusal, tmp_path):
    assert "cannot be read as a table" in refusal(PLAIN, path="~/nowhere.csv")
    assert "cannot be read as a table" in refusal(PLAIN, path=str(tmp_path))
    assert "data.path=null: give the table's file" in refusal(PLAIN, path=None)


def test_column_without_a_name_is_an_input_with_a_warning(table):
    data = table(",x,y\n" + "".join(f"{place},{x},{y}\n" for place, (x, y) in enumerate(X)))
    assert data.splits.train[0].shape[1] == 2
    assert data.warnings == [
        "Inputs without a name in the file: column_1; 'data.drop=[column_1]' leaves them out if they only number the rows."
    ]


@pytest.mark.parametrize("lines", ["# made by hand\n", "# a, b, c\n", "made by hand\nfor us\n", "\n\n# one\n", "# a;b\n# c\n"])
def test_comments_above_the_header_are_refused_with_the_key(table, refusal, digest, lines):
    message = refusal(lines + PLAIN)
    skip = lines.count("\n")
    assert f"data.skip={skip} if the lines above the header are comments" in message
    assert table(lines + PLAIN, skip=skip).splits.digest() == digest


def test_uneven_line_in_the_middle_is_not_a_comment(refusal):
    assert "data.skip" not in refusal(f"{PLAIN}1,2,3\n{BODY}")


@pytest.mark.parametrize("gap", ["  ", "\t ", " "])
@pytest.mark.parametrize("start", ["", "   "])
def test_runs_of_blanks_separate(table, digest, gap, start):
    assert table(f"{PLAIN}   ").splits.digest() == digest
    text = start + PLAIN.replace(",", gap).replace("\n", f"  \n{start}")
    assert table(text, name="x.txt").splits.digest() == digest
    assert table(text, name="x.txt", separator=" ").splits.digest() == digest
    body = start + BODY.replace(",", gap).replace("\n", f"\n{start}")
    assert table(body, name="x.dat", header=False, target="column_2").splits.digest() == digest


def test_decimal_commas_without_a_header_are_read(table, digest):
    text = BODY.replace(",", ";").replace(".", ",")
    assert table(text, header=False, target="column_2").splits.digest() == digest


@pytest.mark.parametrize("quote", ['"unknown" x', 'a "b', '"'])
def test_errors_of_parsing_are_short(refusal, quote):
    message = refusal(PLAIN + "".join(f"{x},{quote}\n" for x, _ in X))
    assert len(message.split("x.csv")[-1]) < 300
    assert "polars" not in message.lower()
    assert "ignore_errors" not in message
    assert "\n" not in message
