"""Speech by espeak-ng, and sound as WAV; for voices and for the kiosk's page."""

import io
import subprocess
import unicodedata
import wave

from drivers.base.device import DeviceFault

Kind = tuple[int, int, int]  # of sound: channels, bytes of a sample, samples a second
ESPEAK = 10.0  # s; it makes 4 s of speech in 20 ms


def plain(text: str) -> str:
    """`text` as words only: nothing that a speaking program could take for a line of its own, for an
    option, for markup (SSML), or for a command or phonemes in brackets."""
    words = (" " if c in "<>&[]" or unicodedata.category(c)[0] == "C" else c for c in text)
    return "".join(words).lstrip(" -")


def wav(frames: bytes, kind: Kind) -> bytes:
    file = io.BytesIO()
    with wave.open(file, "wb") as sound:
        sound.setparams((*kind, 0, "NONE", ""))
        sound.writeframes(frames)
    return file.getvalue()


def spoken(text: str, voice: str) -> tuple[bytes, Kind]:
    """`text` by espeak-ng. Raises DeviceFault if it cannot."""
    said = espeak("-v", voice, "-s", "150", "--stdin", "--stdout", text=plain(text))
    # Taken apart, as espeak-ng does not know the length when it writes the head.
    with wave.open(io.BytesIO(said)) as sound:
        return sound.readframes(sound.getnframes()), sound.getparams()[:3]


def espeak(*words: str, text: str = "") -> bytes:
    command, given = ["espeak-ng", *words], text.encode()
    try:
        return subprocess.run(command, input=given, capture_output=True, timeout=ESPEAK, check=True).stdout
    except FileNotFoundError as error:
        raise DeviceFault("no_command", again=10.0) from error
    except subprocess.SubprocessError as error:
        raise DeviceFault("bad_voice", again=60.0) from error
