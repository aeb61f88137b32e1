from __future__ import annotations

import pytest

from quanheng.store.filesystem import filesystem_of, is_network_filesystem

MOUNTS = r"""22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda1 rw
30 22 0:30 / /mnt/share rw - nfs4 server:/export rw,vers=4.2
31 22 0:31 / /mnt/share/local rw - xfs /dev/vdb rw
32 22 0:32 / /mnt/with\040space rw - cifs //server/x rw
33 22 0:33 / /host rw - 9p share rw,trans=virtio
34 22 0:34 / /home/a rw,nosuid master:2 - fuse.sshfs a@b: rw
35 22 0:35 / /over rw - ext4 /dev/vdc rw
36 35 0:36 / /over rw - lustre mds:/x rw
37 22 0:37 / /mnt rw - btrfs /dev/vdd rw
broken line
"""


@pytest.mark.parametrize(
    ("path", "kind", "network"),
    [
        ("/", "ext4", False),
        ("/mnt/share", "nfs4", True),
        ("/mnt/share/deep/er", "nfs4", True),
        ("/mnt/shared", "btrfs", False),
        ("/mnt/share/local/x", "xfs", False),
        ("/mnt/with space/y", "cifs", True),
        ("/host/work", "9p", False),
        ("/home/a/ws", "fuse.sshfs", True),
        ("/over/x", "lustre", True),
    ],
)
def test_longest_prefix_wins(path, kind, network):
    assert filesystem_of(path, MOUNTS) == kind
    assert is_network_filesystem(path, MOUNTS) is network


def test_links_are_followed(tmp_path):
    (tmp_path / "link").symlink_to("/mnt/share/x")
    assert filesystem_of(tmp_path / "link" / "y", MOUNTS) == "nfs4"


def test_this_machine(tmp_path):
    assert filesystem_of(tmp_path)
    assert not is_network_filesystem(tmp_path)


def test_nothing_known():
    assert filesystem_of("/x", "") is None
    assert not is_network_filesystem("/x", "")
