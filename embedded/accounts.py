"""Elasticsearch refuses to run as root: the user it runs as then, and a directory which that user can reach."""

from __future__ import annotations

import hashlib
import os
import pwd
import stat
from pathlib import Path

from conf.errors import UserError
from embedded.process import Account

UNPRIVILEGED_USER = "nobody"
FALLBACK_PARENT = Path("/var/tmp")  # noqa: S108  survives a reboot; the directory made there is private


def unprivileged_account(effective_uid: int) -> Account | None:
    """Return the account to run Elasticsearch as; None when the present user will do."""
    if effective_uid != 0:
        return None
    try:
        entry = pwd.getpwnam(UNPRIVILEGED_USER)
    except KeyError as error:
        raise UserError(
            f"Elasticsearch refuses root and there is no user {UNPRIVILEGED_USER}. Start it as an ordinary user."
        ) from error
    return Account(entry.pw_name, entry.pw_uid, entry.pw_gid)


def home_for(account: Account | None, local_dir: Path) -> Path:
    """Return the node's directory: in `local_dir`, or under `FALLBACK_PARENT` when `account` cannot reach that."""
    if account is None or can_reach(account, local_dir):
        return local_dir / "elasticsearch"
    digest = hashlib.sha256(os.fsencode(local_dir)).hexdigest()[:16]
    return FALLBACK_PARENT / f"embedded-elasticsearch-{digest}"


def can_reach(account: Account, directory: Path) -> bool:
    """Tell whether `account` may pass through `directory` and all of its parents."""
    return all(_may_enter(account, step) for step in (directory, *directory.parents))


def make_private(home: Path, account: Account | None) -> None:
    """Create `home` for `account` alone; refuse one that somebody else has put there."""
    home.mkdir(mode=0o700, exist_ok=True)
    owner = home.lstat().st_uid
    if home.is_symlink() or owner not in {os.geteuid(), account.uid if account else os.geteuid()}:
        raise UserError(f"{home} belongs to another user. Remove it or set BP_LOCAL_DIR to another directory.")


def give_away(directory: Path, account: Account) -> None:
    """Make `account` the owner of `directory` and of everything in it."""
    for parent, directories, files in os.walk(directory):
        for name in (".", *directories, *files):
            os.chown(Path(parent) / name, account.uid, account.gid, follow_symlinks=False)


def _may_enter(account: Account, directory: Path) -> bool:
    """Tell whether the one class of rights that counts, of owner, group or others, lets the account pass."""
    status = directory.stat()
    if status.st_uid == account.uid:
        return bool(status.st_mode & stat.S_IXUSR)
    return bool(status.st_mode & (stat.S_IXGRP if status.st_gid == account.gid else stat.S_IXOTH))
