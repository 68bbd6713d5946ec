from core.keys import Keys


def names(keys: Keys) -> list[str]:
    plain = [getattr(keys, n) for n, v in vars(Keys).items() if isinstance(v, property)]
    made = [keys.entry("x"), keys.fetches("x"), keys.permits("x"), keys.peaks("x"), keys.blocked("x")]
    made += [keys.booking("x"), keys.headers("x"), keys.lines("x"), keys.held("x")]
    return plain + made


def test_all_keys_of_an_account_are_in_one_hash_slot() -> None:
    assert all(name.startswith("{cg:acme}:") for name in names(Keys("acme")))


def test_no_two_things_share_a_key() -> None:
    assert len(set(names(Keys("acme")))) == len(names(Keys("acme")))


def test_accounts_share_nothing() -> None:
    assert not set(names(Keys("acme"))) & set(names(Keys("other")))
