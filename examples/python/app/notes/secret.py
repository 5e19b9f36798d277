"""The key with which Django signs. It outlives releases, and both slots need the same one."""

import os
import secrets
from contextlib import suppress
from pathlib import Path


def secret_key(path: Path) -> str:
    if not path.exists():
        part = path.with_suffix(f".{os.getpid()}")
        part.touch(mode=0o600)
        part.write_text(secrets.token_urlsafe(50))
        # The first of several processes wins.
        with suppress(FileExistsError):
            os.link(part, path)
        part.unlink()
    return path.read_text()
