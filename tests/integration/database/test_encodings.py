"""What our side says of an encoding's letters is what the server says."""

from collections.abc import Iterator

import psycopg
import pytest

from worker.database.postgresql import texts

OF_MANY_BYTES = ("EUC_CN", "EUC_JP", "EUC_JIS_2004", "EUC_KR")
OF_ONE_BYTE = (
    *(f"ISO_8859_{number}" for number in range(5, 9)), "KOI8R", "KOI8U",
    *(f"LATIN{number}" for number in range(1, 11)), "WIN866", "WIN874",
    *(f"WIN{number}" for number in range(1250, 1259)),
)  # fmt: skip
LETTERS = [chr(number) for number in range(0x80, 0x10000) if not 0xD800 <= number < 0xE000]
LAST_OF_ONE_BYTE = 0x2700


@pytest.fixture(scope="module")
def server(postgresql_server: str) -> Iterator[psycopg.Connection[tuple[bytes]]]:
    """Give a connection that translates."""
    with psycopg.connect(postgresql_server, autocommit=True) as connection:
        yield connection


@pytest.mark.parametrize("encoding", [*OF_MANY_BYTES, *OF_ONE_BYTE])
def test_the_server_takes_whatever_fits(server: psycopg.Connection[tuple[bytes]], encoding: str) -> None:
    """Not one letter that passes our check is refused in the end, when a verdict is to be stored."""
    codec = texts.python_codec(encoding)
    letters = LETTERS if encoding in OF_MANY_BYTES else LETTERS[:LAST_OF_ONE_BYTE]
    fitting = "".join(letter for letter in letters if texts.fits(letter, codec))

    assert len(fitting) > 80
    server.execute("SELECT convert_to(%s, %s)", (fitting, encoding))
