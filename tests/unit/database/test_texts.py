"""What a text becomes in a database whose encoding lacks some letters."""

import pytest

from worker.database.postgresql import texts


@pytest.mark.parametrize(
    ("encoding", "held", "lacking"),
    [
        ("LATIN1", "Zo\u00eb", "\u0141\u00f3d\u017a"),
        ("LATIN2", "\u0141\u00f3d\u017a", "\u041f\u0451\u0442\u0440"),
        ("LATIN9", "20 \u20ac", "\u0141\u00f3d\u017a"),
        ("ISO_8859_5", "\u041f\u0451\u0442\u0440", "Zo\u00eb"),
        ("WIN1252", "\u201cZo\u00eb\u201d", "\u0141\u00f3d\u017a"),
        ("WIN1251", "\u041f\u0451\u0442\u0440", "Zo\u00eb"),
        ("WIN866", "\u041f\u0451\u0442\u0440", "Zo\u00eb"),
        ("WIN874", "\u0e2a\u0e21", "Zo\u00eb"),
        ("KOI8R", "\u041f\u0451\u0442\u0440", "Zo\u00eb"),
        ("KOI8U", "\u0407\u0436\u0430\u043a", "Zo\u00eb"),
        ("EUC_JP", "\u5c71\u7530", "\U0001f600"),
        ("EUC_JP", "\u9ad9\u6a4b\u2460\uff5e", "\u301c"),
        ("EUC_JP", "\uff0d", "\u2212"),
        ("EUC_JIS_2004", "\u5c71\u7530", "\U0001f600"),
        ("EUC_KR", "\uae40", "\U0001f600"),
        ("EUC_KR", "\uae40", "\ub620"),
        ("EUC_CN", "\u674e", "\U0001f600"),
    ],
)
def test_postgresql_s_encodings_are_python_s(encoding: str, held: str, lacking: str) -> None:
    """Of each is known what it lacks, under the name that the server has for it."""
    codec = texts.python_codec(encoding)

    assert codec is not None
    assert texts.fits(held, codec)
    assert not texts.fits(lacking, codec)
    assert texts.fitted(f"Ann {lacking}", codec).startswith("Ann ")


def test_a_letter_that_python_s_codec_stumbles_over_is_one_that_is_lacking() -> None:
    """The filler of Hangul is written so that it cannot be read again; it ends nothing."""
    assert texts.fitted("\uae40 \u3164", "euc_kr") == "\uae40 ?"


@pytest.mark.parametrize("encoding", ["UTF8", "SQL_ASCII", "MULE_INTERNAL", "EUC_TW"])
def test_what_holds_all_or_is_not_known_is_left_to_the_server(encoding: str) -> None:
    """Nothing is refused or altered then."""
    assert texts.python_codec(encoding) is None
    assert texts.fits("\u0141\u00f3d\u017a", None)


def test_json_is_written_in_letters_where_escapes_are_not_known() -> None:
    """Such a server refuses an escape of a letter that it lacks."""
    assert texts.json_of({"a": "\u0141\u00eb"}, "UTF8") == '{"a": "\\u0141\\u00eb"}'
    assert texts.json_of({"a": "\u0141\u00eb"}, "SQL_ASCII") == '{"a": "\u0141\u00eb"}'
    assert texts.json_of({"a": "\u0141\u00eb"}, "LATIN1") == '{"a": "?\u00eb"}'
