"""Hindi, or Urdu, is written in two scripts, and a recogniser may choose either, or even Latin letters. Consonants are what
all three write alike: vowels, breath and what can be a vowel are left out."""

import itertools
import re
import unicodedata

LETTERS = {
    # Devanagari
    "कख": "k", "गघ": "g", "चछ": "c", "जझ": "j", "टठतथ": "t", "डढदध": "d", "ञणन": "n", "पफ": "p", "बभ": "b", "म": "m",
    "र": "r", "लळ": "l", "शष": "x", "स": "s",
    # Arabic, as Urdu has it
    "کكقخ": "k", "گغ": "g", "چ": "c", "ج": "j", "تٹط": "t", "دڈ": "d", "ن": "n", "پ": "p", "ب": "b", "م": "m", "رڑ": "r",
    "ل": "l", "ش": "x", "سصث": "s", "زذضظ": "z", "ف": "f",
    # Latin
    "kq": "k", "g": "g", "c": "c", "j": "j", "t": "t", "d": "d", "n": "n", "p": "p", "b": "b", "m": "m", "r": "r", "l": "l",
    "x": "x", "s": "s", "z": "z", "f": "f",
}
CONSONANTS = {letter: sound for letters, sound in LETTERS.items() for letter in letters}
# A dot below makes another sound of some letters.
DOTTED = {"ज\u093c": "z", "फ\u093c": "f", "ड\u093c": "r", "ढ\u093c": "r"}
# A nasal sign in a word stands for the consonant.
NASAL = re.compile("\u0902(?=[क-ह])")


def consonants(text):
    text = NASAL.sub("न", unicodedata.normalize("NFKC", text).casefold())
    for letters, sound in {**DOTTED, "ch": "c", "sh": "x"}.items():
        text = text.replace(letters, sound)
    said = (CONSONANTS[letter] for letter in text if letter in CONSONANTS)
    # One that is held longer is written twice in some scripts.
    return [sound for sound, _ in itertools.groupby(said)]
