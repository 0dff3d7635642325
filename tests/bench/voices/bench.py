#!/usr/bin/env python3
"""How well the neural voices are understood, beside the quick ones (flite in English, espeak-ng in other languages), by a
recogniser that is none of them: 25 sentences in each of 8 languages. And whether anything else is heard than speech:
silence at the ends, clipping, clicks at joins, one narration louder than another.

    run [--sentences N] [--languages en,hi] [--speak PROGRAM] [--keep FOLDER] [--json FILE]

Ends with 1 if the neural voice of a language makes more than MAX_RATIO times the quick voice's errors, if its sound has a
fault, or if its narrations are more than MAX_SPREAD LU apart.

`run` installs what is needed, with the model of the voices and the recogniser's. Needs ffmpeg, flite, espeak-ng and kakasi.
"""

import argparse
import json
import os
import pathlib
import subprocess
import sys
import tempfile

import sound
from recogniser import Recogniser, Score, units

HERE = pathlib.Path(__file__).resolve().parent
CHECKOUT = HERE.parents[2]
CACHE = pathlib.Path(os.environ.get("XDG_CACHE_HOME", pathlib.Path.home() / ".cache")) / "videofactory-bench"
# As `voice` of a narration names them.
NEURAL, QUICK = "", "quick"
NEURAL_RATE = 24_000
MAX_RATIO, MAX_SPREAD = 0.5, 1.0


def chosen_sentences(options):
    texts = json.loads((HERE / "sentences.json").read_text())
    languages = options.languages.split(",") if options.languages else texts
    return {language: texts[language][: options.sentences] for language in languages}


def wav(folder, language, voice, place):
    return folder / f"{language}-{voice or 'neural'}-{place}.wav"


def speak(program, folder, sentences):
    """Every sentence by both voices, as the worker speaks them."""
    wanted = [
        {"language": language, "voice": voice, "text": text, "path": str(wav(folder, language, voice, place))}
        for language, texts in sentences.items()
        for voice in (NEURAL, QUICK)
        for place, text in enumerate(texts)
    ]
    lines = "".join(json.dumps(one, ensure_ascii=False) + "\n" for one in wanted)
    subprocess.run([program], input=lines, text=True, check=True)


def score(recogniser, folder, language, voice, texts):
    total = Score()
    for place, text in enumerate(texts):
        heard = recogniser.transcribe(wav(folder, language, voice, place), language)
        total.add(units(text, language), units(heard, language))
    return total


def understanding(recogniser, folder, sentences):
    """The table, and what in it is too high."""
    figures, above = {}, []
    print(f"{'':8}{'neural':>16}{'quick':>18}\n{'':8}{'errors':>8}{'median':>8}{'errors':>10}{'median':>8}{'ratio':>8}")
    for language, texts in sentences.items():
        neural, quick = (score(recogniser, folder, language, voice, texts) for voice in (NEURAL, QUICK))
        ratio = neural.error_rate / quick.error_rate if quick.error_rate else float(neural.error_rate > 0)
        row = f"{neural.error_rate:8.1%}{neural.median:8.1%}{quick.error_rate:10.1%}{quick.median:8.1%}{ratio:8.2f}"
        print(f"{language:8}{row}", flush=True)
        figures[language] = {"neural": neural.error_rate, "quick": quick.error_rate, "ratio": ratio}
        if ratio > MAX_RATIO:
            above.append(f"{language}: the neural voice makes {ratio:.2f} times the quick one's errors, above {MAX_RATIO}")
    return figures, above


def cleanliness(folder, sentences):
    """How loud the narrations are, and what is wrong with their sound."""
    levels, wrong = [], []
    for language, texts in sentences.items():
        for place in range(len(texts)):
            path = wav(folder, language, NEURAL, place)
            _, rate = sound.read(path)
            if rate != NEURAL_RATE:
                sys.exit(f"{language} was not spoken by the neural voice; VIDEOFACTORY_KOKORO must name its model")
            levels.append(sound.loudness(path))
            wrong += [f"{path.name}: {fault}" for fault in sound.faults(path)]
    spread = max(levels) - min(levels)
    print(f"{len(levels)} narrations of {min(levels):.1f} to {max(levels):.1f} LUFS, {len(wrong)} faults of sound", flush=True)
    if spread > MAX_SPREAD:
        wrong.append(f"narrations are {spread:.1f} LU apart, above {MAX_SPREAD}")
    return {"spread": spread}, wrong


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sentences", type=int, default=25, help="of each language, the first ones")
    parser.add_argument("--languages", help="some of them, with commas between")
    parser.add_argument("--speak", type=pathlib.Path, help="the example speak, if it is built already")
    parser.add_argument("--keep", type=pathlib.Path, help="the folder in which the sounds are left")
    parser.add_argument("--json", type=pathlib.Path, help="where the figures go as JSON")
    options = parser.parse_args()
    program = options.speak
    if program is None:
        command = ["cargo", "build", "-q", "--locked", "--release", "--workspace", "--example", "speak"]
        subprocess.run(command, check=True, cwd=CHECKOUT)
        program = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", CHECKOUT / "target")) / "release/examples/speak"
    sentences = chosen_sentences(options)
    with tempfile.TemporaryDirectory(prefix="voices-bench-") as scratch:
        folder = options.keep or pathlib.Path(scratch)
        folder.mkdir(parents=True, exist_ok=True)
        speak(program, folder, sentences)
        sounds, wrong = cleanliness(folder, sentences)
        figures, above = understanding(Recogniser(CACHE / "whisper"), folder, sentences)
    if options.json:
        options.json.write_text(json.dumps({"languages": figures, **sounds}, indent=2) + "\n")
    if wrong or above:
        sys.exit("\n".join(wrong + above))


if __name__ == "__main__":
    main()
