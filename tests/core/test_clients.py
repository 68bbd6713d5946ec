"""core/clients.py: how clients are written down, and that nobody's token is ever repeated."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.clients import MOST_CLIENTS, WHOLE, Client, digest_of, entry_of, minted, parse

TOKEN = "cal_gate_" + "0123456789abcdef" * 4
HASH = hashlib.sha256(TOKEN.encode()).hexdigest()
OTHER = hashlib.sha256(b"another").hexdigest()


def test_entries_have_commas_or_line_ends_between() -> None:
    text = f"shop=sha256:{HASH};share=40,\n voice = sha256:{OTHER} \n"
    assert parse(text) == (
        Client("shop", (bytes.fromhex(HASH),), 40),
        Client("voice", (bytes.fromhex(OTHER),), WHOLE),
    )


def test_two_entries_of_one_alias_are_one_client_with_two_tokens() -> None:
    both = (bytes.fromhex(HASH), bytes.fromhex(OTHER))
    for text in (
        f"shop=sha256:{HASH};share=40,shop=sha256:{OTHER}",
        f"shop=sha256:{HASH},shop=sha256:{OTHER};share=40",
        f"shop=sha256:{HASH};share=40,shop=sha256:{OTHER};share=40",
    ):
        assert parse(text) == (Client("shop", both, 40),)


def test_a_token_of_ours_is_long_random_and_known_by_its_hash_alone() -> None:
    token = minted()
    assert token != minted()
    entry = entry_of("shop", token, 25)
    assert token not in entry
    assert parse(entry) == (Client("shop", (digest_of(token.encode()),), 25),)
    assert "share" not in entry_of("shop", token)


WRONG = {
    "plain": (f"shop={TOKEN}", r"entry 1 \(shop\) must have the hash"),
    "no alias": (TOKEN, "entry 1 must be ALIAS=sha256:HASH"),
    "alias of a label's enemy": (f'a"b=sha256:{HASH}', "entry 1 must be ALIAS=sha256:HASH"),
    "too long an alias": (f"{'a' * 33}=sha256:{HASH}", "entry 1 must be ALIAS=sha256:HASH"),
    "short hash": (f"shop=sha256:{HASH[:-1]}", r"entry 1 \(shop\) must have the hash"),
    "capital digits": (f"shop=sha256:{HASH.upper()}", r"entry 1 \(shop\) must have the hash"),
    "no share": (f"a=sha256:{OTHER},shop=sha256:{HASH};", r"entry 2 \(shop\): what follows the semicolon"),
    "share of nothing": (f"shop=sha256:{HASH};share=0", r"entry 1 \(shop\): what follows the semicolon"),
    "share of too much": (f"shop=sha256:{HASH};share=101", r"entry 1 \(shop\): what follows the semicolon"),
    "one token, two clients": (f"a=sha256:{HASH},b=sha256:{HASH}", r"entry 2 \(b\) has a token that another"),
    "two shares": (f"a=sha256:{HASH};share=1,a=sha256:{OTHER};share=2", r"entry 2 \(a\) has another share"),
}


@pytest.mark.parametrize(("text", "message"), WRONG.values(), ids=WRONG.keys())
def test_a_wrong_entry_is_named_without_being_repeated(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message) as caught:
        parse(text)
    assert TOKEN not in str(caught.value)
    assert HASH not in str(caught.value)


@given(st.text(max_size=100))
def test_whatever_is_written_is_read_or_refused(text: str) -> None:
    try:
        clients = parse(text)
    except ValueError:
        return
    assert all(client.digests for client in clients)


def test_there_are_few_enough_for_labels() -> None:
    entries = [f"c{n}=sha256:{digest_of(b'%d' % n).hex()}" for n in range(MOST_CLIENTS + 1)]
    assert len(parse(",".join(entries[:-1]))) == MOST_CLIENTS
    with pytest.raises(ValueError, match="at most 32 clients"):
        parse(",".join(entries))


@pytest.mark.parametrize("token", ["", "short", "x" * 31, "y" * 20 + " " + "y" * 20, "ü" * 40])
def test_what_could_be_guessed_or_not_be_sent_is_no_token(token: str) -> None:
    with pytest.raises(ValueError, match="at least 32 characters"):
        entry_of("shop", token)
