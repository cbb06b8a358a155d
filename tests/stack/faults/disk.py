"""Folders that have a disk of their own, which a test fills to the last byte and frees again."""

from __future__ import annotations

import contextlib
import os
import resource
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path

import psutil

_ROOM = "2g"  # of each; what is not written takes no memory
_PAGE = os.sysconf("SC_PAGE_SIZE")


class Disk:
    """A folder on a disk of its own. Where that can't be had, `full` forbids the processes to write to any file."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self.mounted = os.geteuid() == 0 and _mount(folder, _ROOM)

    @contextlib.contextmanager
    def full(self, processes: Sequence[psutil.Process]) -> Iterator[None]:
        """While this lasts, no byte more has room."""
        if self.mounted:
            yield from self._shrunk()
        else:
            yield from _forbidden(processes)

    def close(self) -> None:
        if self.mounted:
            subprocess.run(["umount", "-l", str(self.folder)], capture_output=True, check=False)
            self.mounted = False

    def _shrunk(self) -> Iterator[None]:
        """The disk becomes as large as what is on it. Writers may take or give back room; then it is tried again."""
        try:
            assert any(self._is_full() for _ in range(20)), f"{self.folder}: its disk can't be made full"
            yield
        finally:
            assert _remount(self.folder, _ROOM), f"{self.folder}: its disk can't be made free again"

    def _is_full(self) -> bool:
        """Whether the disk could be made as large as what was on it, and nobody gave room back meanwhile."""
        found = os.statvfs(self.folder)
        used = (found.f_blocks - found.f_bfree) * found.f_frsize
        least = 1 if used else _PAGE + 1  # the smallest disk has a page
        return _remount(self.folder, f"{max(used, _PAGE) // 1024}k") and self._refuses(least)

    def _refuses(self, size: int) -> bool:
        """Whether a file of so many bytes has no room."""
        probe = self.folder / "probe"
        try:
            probe.write_bytes(bytes(size))
        except OSError:
            return True
        finally:
            probe.unlink(missing_ok=True)
        return False


def _forbidden(processes: Sequence[psutil.Process]) -> Iterator[None]:
    for process in processes:
        process.rlimit(resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY))
    try:
        yield
    finally:
        for process in processes:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.rlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))


def _mount(folder: Path, size: str) -> bool:
    command = ["mount", "-t", "tmpfs", "-o", f"size={size},mode=0700", "atipico-test", str(folder)]
    return _ran(command)


def _remount(folder: Path, size: str) -> bool:
    return _ran(["mount", "-o", f"remount,size={size}", str(folder)])


def _ran(command: Sequence[str]) -> bool:
    try:
        return subprocess.run(command, capture_output=True, check=False).returncode == 0
    except OSError:
        return False
