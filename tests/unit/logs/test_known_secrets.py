"""Secrets whose value is known are masked wherever they stand."""

import string
from urllib.parse import quote

from hypothesis import given
from hypothesis import strategies as st

from worker.logs import known
from worker.logs.known import MASK, MIN_LENGTH, KnownSecrets

SECRETS = st.text(string.ascii_letters + string.digits + "/+=%&äß ", min_size=MIN_LENGTH, max_size=40)


@given(SECRETS, st.text(max_size=30), st.text(max_size=30))
def test_a_known_secret_is_masked_wherever_it_stands(secret: str, before: str, after: str) -> None:
    """Whatever stands around it, the secret itself is not in the masked text."""
    secrets = KnownSecrets()
    secrets.add(secret)

    assert secret not in secrets.mask(f"{before}{secret}{after}")


@given(st.lists(SECRETS, min_size=1, max_size=8, unique=True))
def test_all_of_several_secrets_are_masked(values: list[str]) -> None:
    """Secrets that begin alike, or contain each other, leave no rest behind."""
    secrets = KnownSecrets()
    for value in values:
        secrets.add(value)

    masked = secrets.mask(" | ".join(values))

    assert not [value for value in values if value in masked]


def test_the_longer_of_two_secrets_goes_first() -> None:
    """A secret that contains another one is masked as a whole."""
    secrets = KnownSecrets()
    secrets.add("abcdefgh")
    secrets.add("abcdefgh-and-more")

    assert secrets.mask("x abcdefgh-and-more y") == f"x {MASK} y"


def test_the_form_in_a_url_is_masked_too() -> None:
    """A secret with characters that a URL quotes is recognised there as well."""
    secrets = KnownSecrets()
    secrets.add("p@ss/word+1")

    assert quote("p@ss/word+1", safe="") not in secrets.mask("https://x/?p=p%40ss%2Fword%2B1")


def test_short_values_are_not_taken_as_secrets() -> None:
    """Seven characters would mask innocent words."""
    secrets = KnownSecrets()
    secrets.add("pending")

    assert secrets.mask("status pending") == "status pending"


def test_the_newest_secrets_push_out_the_oldest() -> None:
    """Memory is bounded: of tokens that are refreshed for ever, the newest are kept."""
    secrets = KnownSecrets(newest=2)
    for number in range(3):
        secrets.add(f"same-head-token-{number}")

    text = secrets.mask("same-head-token-0 same-head-token-1 same-head-token-2")

    assert text == f"same-head-token-0 {MASK} {MASK}"
    assert known.NEWEST == 2_000


def test_a_lasting_secret_is_never_pushed_out() -> None:
    """The client secret stays masked however many tokens come and go."""
    secrets = KnownSecrets(newest=1)
    secrets.add("the-client-secret", lasting=True)
    for number in range(5):
        secrets.add(f"passing-token-{number}")

    assert secrets.mask("the-client-secret") == MASK


def test_a_secret_that_comes_back_counts_as_new() -> None:
    """A token that is added again is not the next one to be forgotten."""
    secrets = KnownSecrets(newest=2)
    for value in ("first-token", "second-token", "first-token", "third-token"):
        secrets.add(value)

    assert secrets.mask("first-token second-token") == f"{MASK} second-token"


def test_the_set_shows_no_secret() -> None:
    """The representation says how many there are, and none of them."""
    secrets = KnownSecrets()
    secrets.add("the-client-secret")

    assert repr(secrets) == "KnownSecrets(1)"
