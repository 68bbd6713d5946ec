"""Secrets handed to child processes: in memory that has a descriptor and no name, not in their environment.

An environment is shown by `ps e` and /proc to everybody with the same user, and copied into crash reports.
"""

import contextlib
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from core.sources import ENV_PREFIX


@dataclass(frozen=True, slots=True)
class Handed:
    """What a child needs: variables that say where, and the descriptors it has to inherit."""

    environ: Mapping[str, str]
    descriptors: tuple[int, ...]


@contextlib.contextmanager
def handed(secrets: Mapping[str, str]) -> Iterator[Handed]:
    """*secrets* by the name of their setting, readable by any number of children while the context lasts."""
    with contextlib.ExitStack() as stack:
        environ: dict[str, str] = {}
        descriptors = []
        for name, secret in secrets.items():
            variable = ENV_PREFIX + name.upper()
            if not hasattr(os, "memfd_create"):  # only Linux has it
                environ[variable] = secret
                continue
            descriptor = os.memfd_create(name, os.MFD_CLOEXEC)
            stack.callback(os.close, descriptor)
            os.write(descriptor, secret.encode())
            # Opened by this name, it is read from its beginning every time.
            environ[f"{variable}_FILE"] = f"/proc/self/fd/{descriptor}"
            descriptors.append(descriptor)
        yield Handed(environ, tuple(descriptors))
