"""Backup and restore: one canonical zip that holds a workspace, whatever database it was or will be on.

    meta.json               format, origin, size and root of the log, migrations, tables, digests
    tables/<table>.jsonl    rows as canonical JSON, in order of their key
    objects/<hex>           layers
    quanheng.toml           settings
    keys/<hex>.key          private keys, only when asked for: then the file is a secret

A backup holds accounts and the hashes of access tokens; keep it as carefully as the workspace itself.
"""

from __future__ import annotations

from quanheng.core.backup.reading import Restored, restore
from quanheng.core.backup.writing import Backup, backup

__all__ = ["Backup", "Restored", "backup", "restore"]
