"""On what kind of file system a directory lies: SQLite's shared memory and locks do not work across a network."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path, PurePosixPath

from retrieval.errors import LibraryError

_NETWORK = re.compile(
    r"nfs\d*|cifs|smb\w*|9p|v9fs|afs|afpfs|ncpfs|coda|ceph|glusterfs|lustre|beegfs|gpfs|orangefs|ocfs2|gfs2|webdav|davfs\d?|acfs"
    r"|panfs|wekafs|vboxsf|prl_fs|fuse\.(sshfs|s3fs|s3ql|rclone|gcsfuse|goofys|davfs\d?|glusterfs|ceph(-fuse)?|juicefs|mount-s3|mountpoint-s3"
    r"|blobfuse\d?|curlftpfs|smbnetfs|afp|moosefs|lizardfs|mfs|seaweedfs|cifs|nfs|hdfs|fuse_dfs|vmhgfs-fuse|drivefs|onedriver"
    r"|ossfs|cosfs|obsfs|gvfsd-fuse|kio-fuse|alluxio-fuse)"
    r"|network drive",
    re.IGNORECASE,
)
ALLOW_VARIABLE = "WENSHI_ALLOW_NETWORK_LIBRARY"
_OCTAL = re.compile(r"\\([0-7]{3})")
_MACOS_MOUNT = re.compile(r"^.* on (/.*) \(([^,)]+)")
_WINDOWS_REMOTE = 4                 # DRIVE_REMOTE of GetDriveTypeW


def refuse_network(directory: Path) -> None:
    """Raise LibraryError when `directory` lies on a network file system; an unknown kind is allowed.

    The environment variable WENSHI_ALLOW_NETWORK_LIBRARY=1 allows every kind: the type 9p, say, is also that of local
    disks under WSL, gVisor and Kata.
    """
    if os.environ.get(ALLOW_VARIABLE) == "1":
        return
    kind = filesystem_type(directory)
    if kind is not None and is_network(kind):
        raise LibraryError(
            f"{directory} is on a network file system ({kind}), where a library can be damaged by two machines: "
            "keep the library on a local disk, the videos may stay where they are; if no other machine uses it, "
            f"set {ALLOW_VARIABLE}=1"
        )


def is_network(kind: str) -> bool:
    """Whether a file system of this type name is served by another machine."""
    return _NETWORK.fullmatch(kind) is not None


def filesystem_type(path: Path) -> str | None:
    """Type name of the file system that holds `path` ("ext4", "nfs4", "fuse.sshfs"), None when it cannot be told."""
    path = _existing_ancestor(path)
    try:
        if sys.platform.startswith("linux"):
            # undecodable mount points must not hide the others
            text = Path("/proc/self/mountinfo").read_text(encoding="utf-8", errors="surrogateescape")
            return type_in_mountinfo(text, str(path))
        if sys.platform == "darwin":
            listing = subprocess.run(["/sbin/mount"], capture_output=True, text=True, timeout=10, check=True)
            return type_in_mount_listing(listing.stdout, str(path))
        if sys.platform == "win32":
            return _windows_type(path)
    except (OSError, subprocess.SubprocessError):
        return None
    return None


def type_in_mountinfo(text: str, path: str) -> str | None:
    """The type of the mount that holds `path`, from the text of /proc/self/mountinfo (man 5 proc_pid_mountinfo).

    The longest mount point that is a prefix of `path` wins, of two on the same point the later one.
    """
    mounts = []
    for line in text.splitlines():
        before, separator, after = line.partition(" - ")
        fields, kind = before.split(" "), after.split(" ")[0]
        if separator and len(fields) >= 6 and kind:
            mounts.append((_OCTAL.sub(_byte, fields[4]), kind))
    return _type_of_longest(mounts, path)


def type_in_mount_listing(text: str, path: str) -> str | None:
    """The same from what macOS prints for `mount`: `/dev/disk3s1 on / (apfs, local, journaled)`."""
    matches = (_MACOS_MOUNT.match(line) for line in text.splitlines())
    return _type_of_longest([(match[1], match[2]) for match in matches if match], path)


def _type_of_longest(mounts: Iterable[tuple[str, str]], path: str) -> str | None:
    best_length, best_kind = -1, None
    for point, kind in mounts:
        length = len(PurePosixPath(point).parts)
        if PurePosixPath(path).is_relative_to(point) and length >= best_length:
            best_length, best_kind = length, kind
    return best_kind


def _byte(match: re.Match[str]) -> str:
    return chr(int(match[1], 8))


def _existing_ancestor(path: Path) -> Path:
    path = path.resolve()
    return next((p for p in (path, *path.parents) if p.exists()), path)


def _windows_type(path: Path) -> str | None:
    import ctypes

    if path.drive.startswith("\\\\"):
        return "network drive"
    kernel = getattr(ctypes, "windll").kernel32  # noqa: B009  absent from ctypes elsewhere, as mypy knows
    return "network drive" if kernel.GetDriveTypeW(path.anchor) == _WINDOWS_REMOTE else "local drive"
