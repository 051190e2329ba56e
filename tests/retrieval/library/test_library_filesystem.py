"""Which file system a path is on, from made-up mount tables."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from retrieval.errors import LibraryError
from retrieval.library import Library, filesystem
from retrieval.library.filesystem import filesystem_type, is_network, type_in_mount_listing, type_in_mountinfo

MOUNTINFO = r"""
22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw
30 22 0:26 / /home rw,relatime shared:2 master:5 - nfs4 server:/home rw,vers=4.2
31 30 8:1 / /home/me/disk rw - xfs /dev/sda1 rw
32 22 0:30 / /mnt/my\040share rw - cifs //server/share rw
33 22 0:31 / /data rw - nfs server:/old rw
34 22 8:2 / /data rw - btrfs /dev/sdb rw
35 22 0:40 / /mnt/tab\011\134x rw - fuse.sshfs me@host: rw
36 22 0:41 / /home2 rw - tmpfs tmpfs rw
a broken line
"""

MACOS = """/dev/disk3s1s1 on / (apfs, sealed, local, read-only, journaled)
devfs on /dev (devfs, local, nobrowse)
//me@server/videos on /Volumes/my videos (smbfs, nodev, nosuid, mounted by me)
/dev/disk5s1 on /Volumes/disk (1) (exfat, local, nodev)
"""


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/var/lib", "ext4"), ("/home/me/library", "nfs4"), ("/home", "nfs4"), ("/homestead", "ext4"),
        ("/home2/x", "tmpfs"), ("/home/me/disk/library", "xfs"), ("/mnt/my share/library", "cifs"),
        ("/data/library", "btrfs"), ("/mnt/tab\t\\x/library", "fuse.sshfs"),
    ],
)  # fmt: skip
def test_the_longest_and_latest_mount_holds_the_path(path: str, kind: str) -> None:
    assert type_in_mountinfo(MOUNTINFO, path) == kind


@pytest.mark.parametrize(
    ("path", "kind"),
    [("/Users/me", "apfs"), ("/Volumes/my videos/x", "smbfs"), ("/Volumes/disk (1)/x", "exfat"), ("/dev/x", "devfs")],
)
def test_the_mount_listing_of_macos_is_understood(path: str, kind: str) -> None:
    assert type_in_mount_listing(MACOS, path) == kind


@pytest.mark.parametrize(
    "kind",
    ["nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "afs", "ceph", "glusterfs", "lustre", "beegfs", "fuse.sshfs",
     "fuse.ossfs", "fuse.cosfs", "fuse.obsfs", "fuse.gvfsd-fuse", "fuse.kio-fuse", "fuse.alluxio-fuse", "vboxsf", "prl_fs",
     "fuse.s3fs", "fuse.rclone", "fuse.gcsfuse", "fuse.davfs2", "fuse.glusterfs", "network drive"],
)  # fmt: skip
def test_network_file_systems_are_known(kind: str) -> None:
    assert is_network(kind)


@pytest.mark.parametrize(
    "kind", ["ext4", "xfs", "btrfs", "overlay", "tmpfs", "apfs", "fuseblk", "fuse.mergerfs", "virtiofs", "zfs"]
)
def test_local_and_unknown_file_systems_are_allowed(kind: str) -> None:
    assert not is_network(kind)


def test_a_library_on_a_network_file_system_is_refused_before_anything_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(filesystem, "filesystem_type", lambda path: "nfs4")
    with pytest.raises(LibraryError, match=r"network file system \(nfs4\).*local disk"):
        Library.open(tmp_path / "library", write=True, create=True)
    assert list(tmp_path.iterdir()) == []


def test_a_variable_that_the_sentence_names_allows_any_file_system(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(filesystem, "filesystem_type", lambda path: "9p")
    with pytest.raises(LibraryError, match=r"set WENSHI_ALLOW_NETWORK_LIBRARY=1"):
        Library.open(tmp_path, write=True, create=True)
    monkeypatch.setenv("WENSHI_ALLOW_NETWORK_LIBRARY", "1")
    Library.open(tmp_path, write=True, create=True).close()


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_the_file_system_of_a_path_that_does_not_exist_yet_is_that_of_its_parent(tmp_path: Path) -> None:
    assert filesystem_type(tmp_path / "a" / "b") == filesystem_type(tmp_path)
    assert filesystem_type(Path("/proc/self")) == "proc"
