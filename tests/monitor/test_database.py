import psycopg
import pytest

from monitor.database import Database, facts
from monitor.indexes import INDEXES, IndexStatus


def status(*, present: bool = True, valid: bool = True, as_expected: bool = True) -> IndexStatus:
    return IndexStatus("Booking", "an_idx", present, valid, as_expected, 0, 0, None)


def test_an_index_that_serves_no_query_is_not_valid() -> None:
    found = facts([status(), status(valid=False), status(as_expected=False)])
    assert [(one.present, one.valid) for one in found] == [(True, True), (True, False), (True, False)]


async def test_every_expected_index_is_told_of_though_none_is_there(postgres_url: str) -> None:
    database = Database(postgres_url)
    found = await database.read_indexes()
    assert [one.index for one in found] == [spec.name for spec in INDEXES]
    await database.close()
    await database.close()


async def test_a_lost_connection_is_replaced_at_the_next_look(postgres_url: str) -> None:
    database = Database(postgres_url)
    await database.read_indexes()
    async with await psycopg.AsyncConnection.connect(postgres_url, autocommit=True) as other:
        await other.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'calgate monitor'"
        )
    with pytest.raises(psycopg.Error):
        await database.read_indexes()
    assert len(await database.read_indexes()) == len(INDEXES)
    await database.close()


async def test_a_database_that_is_not_there_is_an_error_to_show() -> None:
    with pytest.raises(psycopg.Error):
        await Database("postgresql://127.0.0.1:1/none").read_indexes()
