"""What is measured of a narration's sound itself: silence at its ends, clipping, its joins, and its loudness."""

import re
import subprocess
import wave

import numpy

# What is heard, of full scale: -47 dB, in narrations of -23 LUFS.
HEARD = 142 / 32_768
# Sound next to a pause stands no higher than this, of full scale: with more of a step it would click. That is -40 dB.
STEP = 0.01
# A pause between phrases, in seconds: digital silence.
PAUSE = 0.05


def read(path):
    """Samples from -1 to 1, and how many there are in a second."""
    with wave.open(str(path)) as sound:
        samples = numpy.frombuffer(sound.readframes(sound.getnframes()), dtype="<i2")
        return samples / 32_768, sound.getframerate()


def ends(samples, rate):
    """Seconds before the first sound, and after the last."""
    heard = numpy.flatnonzero(numpy.abs(samples) > HEARD)
    return (heard[0] / rate, (len(samples) - 1 - heard[-1]) / rate) if len(heard) else (len(samples) / rate,) * 2


def clipped(samples):
    """Samples at the end of the scale."""
    return int(numpy.count_nonzero(numpy.abs(samples) >= 32_700 / 32_768))


def steepest_join(samples, rate):
    """The highest sample that meets digital silence, or an end of the sound: a join that clicks has a high one."""
    silent = numpy.concatenate(([True], samples == 0, [True]))
    edges = numpy.flatnonzero(silent[1:] != silent[:-1])
    begins, stops = edges[::2], edges[1::2]
    # Zeros within a wave are no pause.
    pauses = (begins[1:] - stops[:-1]) >= PAUSE * rate
    meets = numpy.concatenate((begins[:1], begins[1:][pauses], stops[:-1][pauses] - 1, stops[-1:] - 1))
    return float(numpy.abs(samples[meets]).max()) if len(meets) else 0.0


def loudness(path):
    """In LUFS, as ffmpeg measures it."""
    measured = subprocess.run(
        ["ffmpeg", "-hide_banner", "-nostats", "-nostdin", "-i", path, "-af", "ebur128", "-f", "null", "-"],
        capture_output=True, text=True, check=True,
    )
    return float(re.findall(r"I:\s+(\S+) LUFS", measured.stderr)[-1])


def faults(path):
    """What somebody would hear in this narration that should not be there, a sentence each."""
    samples, rate = read(path)
    before, after = ends(samples, rate)
    join = steepest_join(samples, rate)
    found = []
    if max(before, after) > 0.15:
        found.append(f"silence of {before * 1000:.0f} and {after * 1000:.0f} ms at its ends")
    if clipped(samples):
        found.append(f"{clipped(samples)} clipped samples")
    if join > STEP:
        found.append(f"a step of {join:.3f} where sound meets silence")
    return found
