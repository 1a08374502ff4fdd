"""The least that an import can cost: the csv module, and one INSERT through the driver alone."""

import csv
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg

from bench.visits import COLUMNS

INSERT = f"INSERT INTO invite ({', '.join(COLUMNS)}) VALUES ({{marks}})"  # noqa: S608 -- our own names


def insert_all(url: str, file: Path) -> float:
    """Insert the rows of a file of bare visits, unchecked, in one transaction; return the seconds."""
    began = time.monotonic()
    if url.startswith("sqlite:///"):
        _into_sqlite(url.removeprefix("sqlite:///"), file)
    else:
        _into_postgresql(url, file)
    return time.monotonic() - began


def _into_sqlite(path: str, file: Path) -> None:
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA synchronous = FULL")
    with connection:
        connection.executemany(INSERT.format(marks=", ".join("?" * len(COLUMNS))), _rows(file))
    connection.close()


def _into_postgresql(url: str, file: Path) -> None:
    with psycopg.connect(url) as connection:
        connection.cursor().executemany(INSERT.format(marks=", ".join(["%s"] * len(COLUMNS))), _rows(file))


def _rows(file: Path) -> Iterator[list[object]]:
    switch = COLUMNS.index("send_email")
    with file.open(encoding="utf-8", newline="") as stream:
        reader = csv.reader(stream)
        next(reader)
        for cells in reader:
            row: list[object] = [cell or None for cell in cells]
            row[switch] = cells[switch] == "true"
            yield row
