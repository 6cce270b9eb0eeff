"""A voice of recorded clips, and espeak-ng for what has no clip; played by aplay (hardware.md §9).

A clip is called after what it says: `请.wav`, `A.wav`, `零.wav`, `到3号窗口.wav`; `chime.wav` comes first.

Maturity: sketch.
"""

import io
import re
import subprocess
import wave
from pathlib import Path

from drivers import voice_command
from drivers.base import DeviceFault
from drivers.link import Link

_SILENT = re.compile(r"[\s，。、,.!！?？；;]+")  # what a sentence has between its words
_ESPEAK = 10.0  # s; it makes 4 s of speech in 20 ms


class Driver(voice_command.Driver):
    """Plays a sentence as one sound without gaps; a sentence that lacks one clip is all espeak-ng."""

    def __init__(
        self, name: str, url: str = "exec:aplay -q", clips: str = "", voice: str = "cmn-latn-pinyin"
    ) -> None:
        """`url`: the command that plays a WAV from its input, such as `exec:aplay -q -D
        plughw:CARD=Headphones`; `clips`: a folder; `voice`: of espeak-ng."""
        super().__init__(name, url)
        self._clips, self.voice = Path(clips) if clips else None, voice

    def attach(self, link: Link) -> None:
        # espeak-ng's plain cmn spells hanzi in English letters (§9.1); silence finds the sound card.
        if b"(en)" in _espeak("-q", "-x", "-v", self.voice, "三"):
            raise DeviceFault("bad_voice", again=60.0)
        silence = _wav([b"\0" * 4410], (1, 2, 22050))
        try:
            subprocess.run(self._command, input=silence, capture_output=True, timeout=5, check=True)
        except FileNotFoundError as error:
            raise DeviceFault("no_player", again=10.0) from error
        except subprocess.SubprocessError as error:
            raise DeviceFault("no_sound_card", again=10.0) from error

    def sound(self, text: str) -> bytes:
        if joined := self._joined(text):
            return joined
        # Written anew, as espeak-ng does not know the length when it writes the head.
        with wave.open(io.BytesIO(_espeak("-v", self.voice, "--stdout", text))) as spoken:
            return _wav([spoken.readframes(spoken.getnframes())], spoken.getparams()[:3])

    def _joined(self, text: str) -> bytes:
        """The clips of all words, or nothing if one is missing or of another kind."""
        if self._clips is None:
            return b""
        names = sorted((file.stem for file in self._clips.glob("*.wav")), key=len, reverse=True)
        rest = _SILENT.sub("", text)
        words = re.findall("|".join(map(re.escape, names)), rest)
        if "".join(words) != rest:
            return b""
        words[:0] = ["chime"] if "chime" in names else []
        parts, kinds = [], set()
        for word in words:
            try:
                with wave.open(str(self._clips / f"{word}.wav")) as clip:
                    kinds.add(clip.getparams()[:3])
                    parts.append(clip.readframes(clip.getnframes()))
            except (OSError, EOFError, wave.Error):
                return b""
        return _wav(parts, kinds.pop()) if len(kinds) == 1 else b""


def _wav(parts: list[bytes], kind: tuple[int, int, int]) -> bytes:
    """`kind`: channels, bytes of a sample, samples a second."""
    file = io.BytesIO()
    with wave.open(file, "wb") as sound:
        sound.setparams((*kind, 0, "NONE", ""))
        sound.writeframes(b"".join(parts))
    return file.getvalue()


def _espeak(*words: str) -> bytes:
    try:
        return subprocess.run(["espeak-ng", *words], capture_output=True, timeout=_ESPEAK, check=True).stdout
    except FileNotFoundError as error:
        raise DeviceFault("no_command", again=10.0) from error
    except subprocess.SubprocessError as error:
        raise DeviceFault("bad_voice", again=60.0) from error
