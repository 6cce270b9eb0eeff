"""Who may come in: passphrase, PINs and paired devices; apart from the journal, and only as hashes."""

import json
import logging
import secrets
from collections.abc import Callable
from pathlib import Path
from threading import RLock
from typing import Any

from argon2 import PasswordHasher
from argon2.exceptions import VerificationError

from controller.journal.files import sync, write

log = logging.getLogger("hallqueue.people")
SHORTEST = 15  # characters of the technician's passphrase (trust.md §4)
# 19 MiB each, one at a time: what OWASP recommends for a small machine.
_ARGON2 = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)


def passcode(folder: Path) -> str:
    """A new one-time code, in place of any other: whoever has it may choose the passphrase."""
    code = f"{secrets.randbelow(10**8):08}"
    write(folder / "passcode", _ARGON2.hash(code))
    return code


def _people(text: str) -> dict[str, Any]:
    """What a people.json says. Raises ValueError where it is none."""
    kept: dict[str, Any] = json.loads(text)
    for what, kind in {"technician": str, "clerks": dict, "devices": dict, "sessions": dict}.items():
        if not isinstance(kept, dict) or not isinstance(kept.get(what, kind()), kind):
            raise ValueError(f"not people: {what}")
    for what, kind in {"clerks": str, "devices": str, "sessions": dict}.items():
        if not all(isinstance(one, kind) for one in kept.get(what, {}).values()):
            raise ValueError(f"not {what}")
    return kept


class People:
    """The file people.json of a data folder. Used by many threads, of which one at a time works out a hash
    or changes what is kept: what it has read is still so when it writes."""

    def __init__(self, folder: Path) -> None:
        """Raises OSError."""
        self._path, self._code, self._lock = folder / "people.json", folder / "passcode", RLock()
        self._kept: dict[str, Any] = {"technician": "", "clerks": {}, "devices": {}, "sessions": {}}
        try:
            self._kept |= _people(self._path.read_text())
        except FileNotFoundError:
            pass
        except (ValueError, RecursionError):
            log.error("%s cannot be read: set it aside, everybody signs in anew", self._path)
            self._path.replace(self._path.with_suffix(".broken"))

    @property
    def fresh(self) -> bool:
        """Nobody has chosen a passphrase yet, nor has a code to do it."""
        return not self._kept["technician"] and not self._code.exists()

    @property
    def clerks(self) -> list[str]:
        """The 工号 that have a PIN."""
        return sorted(self._kept["clerks"])

    @property
    def devices(self) -> dict[str, str]:
        """The paired devices: what for, such as "window 3", by the digest of its token."""
        return dict(self._kept["devices"])

    @property
    def sessions(self) -> dict[str, dict[str, Any]]:
        """Who is signed in, by the digest of his cookie."""
        return dict(self._kept["sessions"])

    def remember(self, sessions: dict[str, dict[str, Any]]) -> None:
        self._keep("sessions", lambda before: sessions)

    def choose(self, passphrase: str) -> None:
        """The technician's passphrase from now on; the one-time code is used up."""
        self._keep("technician", lambda before: _ARGON2.hash(passphrase))
        self._code.unlink(missing_ok=True)
        sync(self._path.parent)

    def redeem(self, code: str, passphrase: str) -> bool:
        """Choose the passphrase by the one-time code; of several at once who have it, one does."""
        with self._lock:
            if good := self.is_code(code):
                self.choose(passphrase)
            return good

    def pin(self, clerk: str) -> str:
        """A new PIN for a clerk, told this once."""
        pin = f"{secrets.randbelow(10**6):06}"
        self.set_pin(clerk, pin)
        return pin

    def set_pin(self, clerk: str, pin: str) -> None:
        self._keep("clerks", lambda clerks: {**clerks, clerk: _ARGON2.hash(pin)})

    def pair(self, token: str, place: str) -> None:
        """`token`: its digest."""
        self._keep("devices", lambda devices: {**devices, token: place})

    def part(self, token: str) -> None:
        """Forget a device."""
        self._keep("devices", lambda devices: {key: devices[key] for key in devices if key != token})

    def _keep(self, what: str, change: Callable[[Any], object]) -> None:
        """`change`: what is kept -> what will be. Raises OSError, and then nothing has changed."""
        with self._lock:
            kept = {**self._kept, what: change(self._kept[what])}
            write(self._path, json.dumps(kept, indent=1))
            self._kept = kept

    def is_technician(self, given: str) -> bool:
        return self._fits(self._kept["technician"], given)

    def is_code(self, given: str) -> bool:
        """Is it the one-time code?"""
        try:
            kept = self._code.read_text()
        except (OSError, ValueError):  # there is none, or what is there is no text: it opens nothing
            return False
        return self._fits(kept, given.replace(" ", ""))

    def is_clerk(self, clerk: str, pin: str) -> bool:
        return self._fits(self._kept["clerks"].get(clerk, ""), pin)

    def _fits(self, kept: str, given: str) -> bool:
        with self._lock:
            try:
                return _ARGON2.verify(kept, given)
            except (VerificationError, ValueError):  # a wrong one, or a hash that is none
                return False
