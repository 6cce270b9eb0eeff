"""The Raspberry Pi under the hall: its power, and the room on its card. Reads only."""

from pathlib import Path

ROOM, LITTLE = 500 << 20, 50 << 20  # bytes free: years of journal; hardly any
# The firmware's word: bits 0 to 3 are now, 16 to 19 since the start (trust.md §2.2).
_THROTTLED = "sys/devices/platform/soc/soc:firmware/get_throttled"
_POWER = ((0x1, "low"), (0xE, "hot"), (0x10000, "was_low"), (0xE0000, "was_hot"))


def power(root: Path = Path("/")) -> str:
    """low: too little voltage; hot: slowed down by heat; was_low, was_hot: since the start; ok; empty
    on a machine that does not tell."""
    try:
        bits = int((root / _THROTTLED).read_text(), 16)
    except (OSError, ValueError):
        return ""
    return next((code for mask, code in _POWER if bits & mask), "ok")
