"""The journal keeps the last requests in memory and all of them in its file."""

import json
from pathlib import Path

from calcom.simulator.journal import Entry, Journal


def finish(journal: Journal, *, wrote: bool = False) -> int:
    seq = journal.next_seq()
    journal.finish(Entry(seq, "GET", "/v2/slots", "slots", "2024-09-04", "ip:x", 1.0, 2.0, wrote=wrote))
    return seq


def test_memory_is_bounded_and_the_file_is_not(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "journal.jsonl"
    journal = Journal(2, path)
    for _ in range(5):
        finish(journal)
    journal.close()
    assert [entry.seq for entry in journal.since(0)] == [4, 5]
    assert [json.loads(line)["seq"] for line in path.read_text().splitlines()] == [1, 2, 3, 4, 5]


def test_a_reader_goes_on_where_it_stopped() -> None:
    journal = Journal(100)
    seqs = [finish(journal) for _ in range(5)]
    assert [entry.seq for entry in journal.since(seqs[2])] == seqs[3:]
    assert [entry.seq for entry in journal.since(0, limit=2)] == seqs[:2]
    assert list(journal.since(seqs[-1])) == []


def test_writes_can_be_asked_for_alone() -> None:
    journal = Journal(100)
    finish(journal)
    write = finish(journal, wrote=True)
    assert [entry.seq for entry in journal.since(0, writes_only=True)] == [write]


def test_numbers_go_on_after_forgetting() -> None:
    journal = Journal(100)
    finish(journal)
    journal.clear()
    assert (len(journal), finish(journal)) == (0, 2)
