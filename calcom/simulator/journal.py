"""Every request and write with its times: what happened, for the oracle's users and for people."""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import orjson


@dataclass(slots=True)
class Entry:
    """One request. Times are simulated Unix seconds, or readings of the machine's monotonic clock when named real;
    versions are the world's."""

    seq: int
    method: str
    target: str
    endpoint_class: str
    api_version: str
    #: The limiter's bucket, or `uncounted`; credentials appear in it only as a short hash.
    bucket: str
    arrived: float
    arrived_real: float
    #: The X-Request-Id it came with.
    request_id: str = ""
    status: int = 0
    completed: float = 0.0
    completed_real: float = 0.0
    #: When the state was read or written, and which version that was (for a write: the one it made).
    state_at: float | None = None
    state_version: int | None = None
    wrote: bool = False
    #: True when the answer came from the two-second slot cache.
    cached: bool = False
    fault: str | None = None

    def describe(self) -> dict[str, Any]:
        """JSON-ready."""
        return {name: getattr(self, name) for name in self.__slots__}


class Journal:
    """The last `size` finished requests in memory; all of them in the file, when there is one."""

    def __init__(self, size: int, path: Path | None = None) -> None:
        self._entries: deque[Entry] = deque(maxlen=size)
        self._seq = 0
        self._file: IO[bytes] | None = None
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = path.open("ab")

    def __len__(self) -> int:
        return len(self._entries)

    def __repr__(self) -> str:
        return f"Journal(entries={len(self._entries)}, last_seq={self._seq})"

    def next_seq(self) -> int:
        """The number of the request that arrives now; numbers grow in the order of arrival."""
        self._seq += 1
        return self._seq

    def finish(self, entry: Entry) -> None:
        """Keep a request that is over. Entries stand in the order of completion."""
        self._entries.append(entry)
        if self._file is not None:
            self._file.write(orjson.dumps(entry.describe(), option=orjson.OPT_APPEND_NEWLINE))

    def since(self, seq: int, *, limit: int = 10_000, writes_only: bool = False) -> Iterator[Entry]:
        """Finished requests numbered above `seq`, in the order of completion, at most `limit`."""
        left = limit
        for entry in self._entries:
            if left <= 0:
                return
            if entry.seq > seq and (entry.wrote or not writes_only):
                left -= 1
                yield entry

    def clear(self) -> None:
        """Forget the entries in memory; numbering goes on."""
        self._entries.clear()

    def close(self) -> None:
        """Flush and close the file."""
        if self._file is not None:
            self._file.close()
            self._file = None
