"""Which kind of file system a folder lies on: SQLite's locks and our renames are not safe on a network one."""

from __future__ import annotations

import os
import re
from pathlib import Path

#: File systems shared over a network, by their name in /proc/self/mountinfo. "9p" and "virtiofs" are absent on
#: purpose: they carry a folder of the host into a virtual machine or sandbox; one machine, no other client. The
#: overlay, tmpfs and other local ones are absent too.
NETWORK_FILESYSTEMS = frozenset(
    {
        "afs", "beegfs", "ceph", "cifs", "fuse.ceph", "fuse.cephfs", "fuse.glusterfs", "fuse.gcsfuse", "fuse.goofys",
        "fuse.juicefs", "fuse.moosefs", "fuse.rclone", "fuse.s3fs", "fuse.seaweedfs", "fuse.sshfs", "glusterfs",
        "gpfs", "lustre", "ncpfs", "nfs", "nfs4", "ocfs2", "orangefs", "pvfs2", "smb2", "smb3", "smbfs",
    }
)  # fmt: skip

_OCTAL = re.compile(r"\\([0-7]{3})")


def filesystem_of(path: str | Path, mountinfo: str | None = None) -> str | None:
    """Return the type of the file system that `path` lies on, or would lie on, e.g. "ext4"; None where unknown.

    `mountinfo`: the text of /proc/self/mountinfo; read from the system when None. None comes back where there is
    no such file (not Linux).
    """
    if mountinfo is None:
        try:
            mountinfo = Path("/proc/self/mountinfo").read_text("utf-8", "surrogateescape")
        except OSError:
            return None
    target = os.path.realpath(path)
    best, found = -1, None
    for line in mountinfo.splitlines():
        # "36 35 98:0 /root /mount/point rw,noatime shared:1 - ext4 /dev/sda1 rw" (proc(5)); the latest of equals wins.
        left, _, right = line.partition(" - ")
        fields = left.split(" ")
        if len(fields) < 5 or not right:
            continue
        point = _OCTAL.sub(lambda match: chr(int(match[1], 8)), fields[4])
        inside = target == point or target.startswith(point.rstrip("/") + "/")
        if inside and len(point) >= best:
            best, found = len(point), right.split(" ")[0]
    return found


def is_network_filesystem(path: str | Path, mountinfo: str | None = None) -> bool:
    """Return whether `path` lies on a network file system; False where that cannot be found out."""
    return filesystem_of(path, mountinfo) in NETWORK_FILESYSTEMS
