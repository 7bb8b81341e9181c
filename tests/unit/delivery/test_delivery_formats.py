"""What a client's Accept header gets."""

from __future__ import annotations

import pytest

from gateway.delivery import FORMATS, format_for, media_type
from gateway.errors import Invalid

ARROW, PARQUET = "application/vnd.apache.arrow.stream", "application/vnd.apache.parquet"


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        ("", "json"),
        ("*/*", "json"),
        ("application/*", "json"),
        ("text/*", "csv"),
        ("text/csv", "csv"),
        (ARROW, "arrow"),
        (PARQUET, "parquet"),
        ("application/json", "json"),
        ("TEXT/CSV; Header=Present", "csv"),
        (f"{ARROW};q=0.5, text/csv;q=0.9", "csv"),
        (f"{ARROW}, */*;q=0.1", "arrow"),
        ("text/html, application/xhtml+xml, */*;q=0.8", "json"),
        ("application/json;q=0, */*", "arrow"),
        ("application/*;q=0.2, application/json;q=0.1, text/csv;q=0.15", "arrow"),
        ("text/csv;q=0.5, text/csv;q=0.7", "csv"),
        (" , text/csv , ", "csv"),
        ("text/csv, application/json", "json"),
        (f"{ARROW}; compression=lz4", "arrow_lz4"),
        (f'{ARROW};compression="ZSTD"', "arrow_zstd"),
        (f"{ARROW};compression=none", "arrow"),
        (f"{ARROW};compression=zstd;q=0.4, {ARROW};q=0.3", "arrow_zstd"),
        (f"{ARROW};compression=zstd;q=0.4, text/csv", "csv"),
        ("text/csv; formulas=kept", "csv_exact"),
        ("text/csv; formulas=escaped", "csv"),
        ("text/csv; compression=zstd", "csv"),
        ("*/*; compression=zstd", "json"),
    ],
)
def test_the_format_is_the_one_that_is_liked_best(accept: str, expected: str) -> None:
    assert format_for(accept) == expected


@pytest.mark.parametrize(
    "accept",
    [
        "text/html",
        "text/csv;q=0",
        "*/*;q=0",
        "text/csv;q=x",
        "text/csv;q=nan",
        "text/csv;q=2",
        "text/csv;q=-1",
        "csv",
        f"{ARROW};compression=gzip",
        "text/csv;formulas",
    ],
)
def test_another_header_is_invalid(accept: str) -> None:
    with pytest.raises(Invalid) as caught:
        format_for(accept)
    assert caught.value.code == "invalid.accept"


def test_each_format_answers_to_its_own_media_type() -> None:
    assert [format_for(media_type(name)) for name in FORMATS] == list(FORMATS)
