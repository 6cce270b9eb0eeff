"""A voice of recorded clips, and espeak-ng for what has no clip; played by aplay (devices.md §9.1).

A clip is called after what it says: `请.wav`, `A.wav`, `零.wav`, `到3号窗口.wav`; `chime.wav` comes first,
or a chime of our own.

Maturity: sketch.
"""

import re
import subprocess
import wave
from array import array
from contextlib import suppress
from functools import cache
from math import pi, sin
from pathlib import Path

from drivers import voice_command
from drivers.base.device import DeviceFault
from drivers.base.link import Link
from drivers.parts.speech import ESPEAK, Kind, espeak, spoken, wav

_PAUSES = {"，": 0.1, ",": 0.1, "。": 0.4, ".": 0.4}  # s between two clips


class Driver(voice_command.Driver):
    """Plays a sentence as one sound without gaps; a sentence that lacks one clip is all espeak-ng."""

    longest = ESPEAK + 5.0 + 5.0  # what espeak-ng and the player may take, and the clips from a slow card

    def __init__(
        self, name: str, url: str = "exec:aplay -q", clips: str = "", voice: str = "cmn-latn-pinyin"
    ) -> None:
        """`url`: the command that plays a WAV from its input, such as `exec:aplay -q -D
        plughw:CARD=Headphones`; `clips`: a folder; `voice`: of espeak-ng."""
        super().__init__(name, url)
        self._clips, self.voice = Path(clips or "/dev/null"), voice  # no folder: not one clip

    def attach(self, link: Link) -> None:
        # espeak-ng's plain cmn spells hanzi in English letters (devices.md §9.1); silence finds the
        # sound card.
        if b"(en)" in espeak("-q", "-x", "-v", self.voice, "三"):
            raise DeviceFault("bad_voice", again=60.0)
        silence = wav(b"\0" * 4410, (1, 2, 22050))
        try:
            subprocess.run(self.command, input=silence, capture_output=True, timeout=5, check=True)
        except FileNotFoundError as error:
            raise DeviceFault("no_player", again=10.0) from error
        except subprocess.SubprocessError as error:
            raise DeviceFault("no_sound_card", again=10.0) from error

    def sound(self, text: str, volume: int = 100) -> bytes:
        frames, kind = self._joined(text) or spoken(text, self.voice)
        chime, same = self._clip("chime")
        frames = (chime if same == kind else _chime(*kind)) + frames
        if volume < 100:
            frames = array("h", (sample * volume // 100 for sample in array("h", frames))).tobytes()
        return wav(frames, kind)

    def _joined(self, text: str) -> tuple[bytes, Kind] | None:
        """The clips of all words, or nothing if one is missing or of another kind."""
        names = sorted((file.stem for file in self._clips.glob("*.wav")), key=len, reverse=True)
        rest = re.sub(r"[\s、!！?？；;]+", "", text)
        words = re.findall("|".join(map(re.escape, [*names, *_PAUSES])), rest)
        clips = {word: self._clip(word) for word in set(words) - _PAUSES.keys()}
        kinds = {kind for _, kind in clips.values()}
        if "".join(words) != rest or len(kinds) != 1 or (kind := kinds.pop()) is None:
            return None
        pauses = {mark: b"\0" * (2 * kind[0] * int(kind[2] * s)) for mark, s in _PAUSES.items()}
        return b"".join(pauses.get(word) or clips[word][0] for word in words), kind

    def _clip(self, name: str) -> tuple[bytes, Kind | None]:
        """The sound of a clip; nothing if there is none of 16 bits."""
        with suppress(OSError, EOFError, wave.Error), wave.open(str(self._clips / f"{name}.wav")) as clip:
            if clip.getsampwidth() == 2:
                return clip.readframes(clip.getnframes()), clip.getparams()[:3]
        return b"", None


@cache
def _chime(channels: int, width: int, rate: int) -> bytes:
    """Two soft tones, e2 and c2, that fade away: 0.8 s."""
    size = rate * 2 // 5
    moments = [(hertz * n / rate, 1 - n / size) for hertz in (659.3, 523.3) for n in range(size)]
    levels = (int(9000 * fade**2 * sin(2 * pi * turns)) for turns, fade in moments)
    return array("h", (level for level in levels for _ in range(channels))).tobytes()
