#!/usr/bin/env python3
"""What making a film costs, beside other ways to make the same one.

Ours, a hand-written ffmpeg command that does the same work in a single pass at the same preset, and
moviepy in the order of MoneyPrinterTurbo (each clip encoded, then all joined, then captions and sound
added), on the same six scenes; and the peak memory of a film of 200 scenes.

    bench.py [--runs N] [--skip-moviepy] [--skip-memory] [--json FILE]

Ends with 1 if a film costs more than MAX_RATIO times what it costs by hand, or 200 scenes more than MAX_MEBIBYTES.

Needs cargo, ffmpeg, flite and fonts-noto-core. What it downloads and makes lies under
$XDG_CACHE_HOME/videofactory-bench, outside the checkout.
"""

import argparse
import json
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading

CHECKOUT = pathlib.Path(__file__).resolve().parents[3]
CACHE = pathlib.Path(os.environ.get("XDG_CACHE_HOME", pathlib.Path.home() / ".cache")) / "videofactory-bench"
MOVIEPY = "moviepy==2.1.2"
MAX_RATIO, MAX_MEBIBYTES = 1.10, 800
WIDTH, HEIGHT, FPS, LEAD = 720, 1280, 30, 0.4
X264 = ["-c:v", "libx264", "-preset", "veryfast", "-crf", "21", "-x264-params", "mbtree=0:aq-strength=0.4"]
TEXTS = [
    "Deep below the waves lies a world that sunlight never reaches.",
    "The pressure is a thousand times greater than at the surface.",
    "Anglerfish carry their own lanterns: bacteria that glow.",
    "Some jellyfish are older than the dinosaurs, and never die.",
    "We have better maps of Mars than of the floor of our ocean.",
    "What else is waiting down there? Nobody knows yet.",
]
MOTION = {
    "from": {"x": 0.0075, "y": 0.0075, "w": 0.985, "h": 0.985},
    "to": {"x": 0.07, "y": 0.07, "w": 0.86, "h": 0.86},
    "easing": "InOut",
}


def run(*args, **options):
    return subprocess.run([str(arg) for arg in args], check=True, **options)


def cpu_of(*args, cwd=None):
    """CPU seconds of a program and all that it started, and what it wrote."""
    with tempfile.TemporaryFile("w+") as out:
        child = subprocess.Popen([str(arg) for arg in args], stdout=out, cwd=cwd)
        _, status, usage = os.wait4(child.pid, 0)
        if status != 0:
            sys.exit(f"failed to run {args[0]}: it ended with status {status}")
        out.seek(0)
        return usage.ru_utime + usage.ru_stime, out.read()


def make_sources(sources):
    """Six stills, six clips of them, six voices: made once."""
    if (sources / "done").exists():
        return
    shutil.rmtree(sources, ignore_errors=True)
    sources.mkdir(parents=True)
    for n, text in enumerate(TEXTS):
        still, clip = sources / f"s{n}.png", sources / f"c{n}.mp4"
        run("flite", "-voice", "slt", "-t", text, "-o", sources / f"v{n}.wav")
        run("ffmpeg", "-v", "error", "-y", "-f", "lavfi", "-i", f"mandelbrot=s=864x1536:start_scale={0.3 / (n + 1)}",
            "-vf", f"hue=h={n * 60},gblur=1", "-frames:v", "1", still)
        run("ffmpeg", "-v", "error", "-y", "-loop", "1", "-framerate", "30", "-i", still, "-t", "7", "-vf",
            f"scale={WIDTH}:{HEIGHT},rotate=0.02*sin(t),format=yuv420p", "-c:v", "libx264", "-preset", "fast", "-crf", "18", clip)
    run("ffmpeg", "-v", "error", "-y", "-f", "lavfi", "-i", "aevalsrc='0.1*sin(2*PI*220*t)+0.1*sin(2*PI*331*t)':d=20",
        sources / "music.wav")
    (sources / "done").touch()


def scene(sources, n, name, clips):
    still = {"Still": {"path": str(sources / f"s{n}.png"), "motion": MOTION}}
    picture = {"Clip": {"path": str(sources / f"c{n}.mp4")}} if clips else still
    return {"id": name, "picture": picture, "voice": {"path": str(sources / f"v{n}.wav")}, "caption": TEXTS[n]}


def request(sources, scenes):
    return {
        "format": {"width": WIDTH, "height": HEIGHT, "fps": FPS},
        "language": "en",
        "scenes": scenes,
        "audio": {"music": {"File": {"path": str(sources / "music.wav")}}},
    }


def assemble(binary, wanted, out):
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    (out / "request.json").write_text(json.dumps(wanted))
    cpu, text = cpu_of(binary, out / "request.json", out)
    film = json.loads(text)
    failed = [check for check in film["checks"] if check["outcome"] == "Failed"]
    if failed:
        sys.exit(f"the film failed its checks: {failed}")
    return cpu, film


def by_hand(sources, out, clips):
    """The command that somebody would write for this one film: scenes, times and captions are given."""
    lengths = []
    for n in range(6):
        probe = run("ffprobe", "-v", "error", "-show_entries", "format=duration", "-of", "csv=p=0", sources / f"v{n}.wav",
                    capture_output=True, text=True)
        lengths.append(round((LEAD + float(probe.stdout) + 0.25) * FPS) / FPS)
    inputs, graph, at, heard = [], "", 0.0, []
    for n, length in enumerate(lengths):
        frames = round((length + LEAD) * FPS) + 1
        if clips:
            inputs += ["-i", sources / f"c{n}.mp4"]
            graph += (f"[{n}:v]fps=30,scale={WIDTH}:{HEIGHT},setsar=1,format=yuv420p,tpad=stop_mode=clone:stop=-1,"
                      f"trim=end_frame={frames},settb=1/30,setpts=N,fps=30[p{n}];")
        else:
            inputs += ["-i", sources / f"s{n}.png"]
            time = f"(on/{frames})"
            ease = f"(0.5*{time}+0.5*{time}*{time}*(3-2*{time}))"
            near, far = f"(0.0075+0.0625*{ease})", f"(1.1895-0.095*{ease})"
            graph += (f"[{n}:v]scale=864:1536:out_color_matrix=bt709:out_range=tv,setsar=1,format=yuv420p,"
                      f"loop={frames - 1}:1,settb=1/30,setpts=N,fps=30,perspective=eval=frame:"
                      f"x0='W*{near}':y0='H*{near}':x1='W*{far}':y1='H*{near}':x2='W*{near}':y2='H*{far}':"
                      f"x3='W*{far}':y3='H*{far}',crop={WIDTH}:{HEIGHT}:0:0[p{n}];")
    last = "p0"
    for n in range(1, 6):
        at += lengths[n - 1]
        graph += f"[{last}][p{n}]xfade=duration={LEAD}:offset={at:.6f},settb=1/30,setpts=N,fps=30[x{n}];"
        last = f"x{n}"
    graph += f"[{last}]ass=captions.ass,format=yuv420p[v];"
    at = 0.0
    for n, length in enumerate(lengths):
        inputs += ["-i", sources / f"v{n}.wav"]
        delay = round((at + LEAD) * 1000)
        graph += f"[{6 + n}:a]aresample=48000,adelay={delay}:all=1,apad[a{n}];"
        heard.append(f"[a{n}]")
        at += length
    total = at + LEAD
    inputs += ["-stream_loop", "-1", "-i", sources / "music.wav"]
    graph += (f"{''.join(heard)}amix=6:normalize=0,aformat=channel_layouts=stereo,atrim=end={total},asplit[voice][key];"
              f"[12:a]aresample=48000,aformat=channel_layouts=stereo,volume=-18dB,atrim=end={total}[bed];"
              "[bed][key]sidechaincompress=threshold=0.02:ratio=4:release=500[music];"
              f"[voice][music]amix=2:normalize=0,afade=t=out:st={total - 2}:d=2,loudnorm=I=-14:TP=-1.5,aresample=48000[a]")
    cpu, _ = cpu_of("ffmpeg", "-v", "error", "-y", *inputs, "-filter_complex", graph, "-map", "[v]", "-map", "[a]", *X264,
                    "-pix_fmt", "yuv420p", "-g", "60", "-t", f"{total}", "-c:a", "aac", "-b:a", "192k", "-movflags", "+faststart",
                    out / "hand.mp4", cwd=out)
    return cpu


MOVIEPY_PROGRAM = '''
import sys, json
from moviepy import VideoFileClip, AudioFileClip, CompositeAudioClip, CompositeVideoClip, TextClip, concatenate_videoclips
job = json.load(open(sys.argv[1]))
write = dict(fps=30, codec="libx264", audio_codec="aac", threads=2, logger=None)
parts = []
for n, scene in enumerate(job["scenes"]):
    clip = VideoFileClip(scene["clip"]).without_audio().subclipped(0, scene["seconds"])
    clip.write_videofile(f"part-{n}.mp4", **write)
    parts.append(f"part-{n}.mp4")
joined = concatenate_videoclips([VideoFileClip(part) for part in parts])
joined.write_videofile("joined.mp4", **write)
video = VideoFileClip("joined.mp4")
texts, sounds, at = [], [], 0
for scene in job["scenes"]:
    words = scene["text"].split()
    half = len(words) // 2
    for place, some in enumerate((words[:half], words[half:])):
        text = TextClip(font=job["font"], text=" ".join(some), font_size=52, color="white", stroke_color="black",
                        stroke_width=2, method="caption", size=(560, 200))
        length = scene["seconds"] / 2
        texts.append(text.with_start(at + place * length).with_duration(length).with_position(("center", 800)))
    sounds.append(AudioFileClip(scene["voice"]).with_start(at + 0.4))
    at += scene["seconds"]
film = CompositeVideoClip([video, *texts]).with_audio(CompositeAudioClip(sounds))
film.write_videofile("film.mp4", **write)
'''


def moviepy(sources, out, seconds):
    """Three encodes of each frame; MoneyPrinterTurbo makes three to four."""
    venv = CACHE / "moviepy"
    if not (venv / "done").exists():
        run(sys.executable, "-m", "venv", "--clear", venv)
        run(venv / "bin" / "pip", "install", "-q", MOVIEPY)
        (venv / "done").touch()
    out.mkdir(parents=True, exist_ok=True)
    font = "/usr/share/fonts/truetype/noto/NotoSans-Bold.ttf"
    scenes = [
        {"clip": str(sources / f"c{n}.mp4"), "voice": str(sources / f"v{n}.wav"), "text": TEXTS[n], "seconds": seconds / 6}
        for n in range(6)
    ]
    (out / "job.json").write_text(json.dumps({"font": font, "scenes": scenes}))
    (out / "program.py").write_text(MOVIEPY_PROGRAM)
    cpu, _ = cpu_of(venv / "bin" / "python", "program.py", "job.json", cwd=out)
    return cpu


def resident(root):
    """Resident bytes of a process and all below it."""
    children, sizes = {}, {}
    for entry in pathlib.Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            fields = (entry / "stat").read_text().rsplit(")", 1)[1].split()
            sizes[int(entry.name)] = int((entry / "statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
            children.setdefault(int(fields[1]), []).append(int(entry.name))
        except (FileNotFoundError, ProcessLookupError):
            continue
    total, left = 0, [root]
    while left:
        process = left.pop()
        total += sizes.get(process, 0)
        left += children.get(process, [])
    return total


def peak_memory(binary, sources, out):
    """The most that a film of 200 scenes holds at once, over all of its processes, in MiB."""
    voice = out / "short.wav"
    out.mkdir(parents=True, exist_ok=True)
    run("ffmpeg", "-v", "error", "-y", "-i", sources / "v0.wav", "-t", "0.7", voice)
    scenes = []
    for n in range(200):
        one = scene(sources, n % 6, f"s{n}", False)
        scenes.append({**one, "voice": {"path": str(voice)}, "caption": "Deep below"})
    (out / "request.json").write_text(json.dumps(request(sources, scenes)))
    with open(out / "film.json", "w") as result:
        child = subprocess.Popen([binary, out / "request.json", out], stdout=result)
        peak, over = 0, threading.Event()
        while child.poll() is None:
            peak = max(peak, resident(child.pid))
            over.wait(0.1)
    if child.returncode != 0:
        sys.exit("failed to make the film of 200 scenes")
    film = json.loads((out / "film.json").read_text())
    return peak / 2**20, film


def report(name, ours, hand):
    ratio = statistics.median(a / b for a, b in zip(ours, hand))
    print(f"{name}: ours {statistics.median(ours):.1f} CPU-s ({min(ours):.1f} to {max(ours):.1f}), "
          f"by hand {statistics.median(hand):.1f} ({min(hand):.1f} to {max(hand):.1f}), "
          f"ratio {ratio:.2f} (at most {MAX_RATIO:.2f})", flush=True)
    return ratio


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=3, help="runs of each, of which the median is reported")
    parser.add_argument("--skip-moviepy", action="store_true")
    parser.add_argument("--skip-memory", action="store_true")
    parser.add_argument("--binary", type=pathlib.Path, help="assemble_film, if it is built already")
    parser.add_argument("--json", type=pathlib.Path, help="where the figures go as JSON")
    options = parser.parse_args()
    binary = options.binary
    if binary is None:
        run("cargo", "build", "-q", "--locked", "--release", "--workspace", "--example", "assemble_film", cwd=CHECKOUT)
        binary = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", CHECKOUT / "target")) / "release/examples/assemble_film"
    sources = CACHE / "sources"
    make_sources(sources)
    figures, above = {}, []
    with tempfile.TemporaryDirectory(prefix="film-bench-") as work:
        work = pathlib.Path(work)
        seconds = 0
        for name, clips in (("stills that move", False), ("clips", True)):
            ours, hand = [], []
            for turn in range(options.runs):
                wanted = request(sources, [scene(sources, n, f"s{n}", clips) for n in range(6)])
                cpu, film = assemble(binary, wanted, work / "ours")
                ours.append(cpu)
                hand.append(by_hand(sources, work / "ours", clips))
                seconds = film["seconds"]
            ratio = report(f"{name}, {seconds:.1f} s", ours, hand)
            figures[name] = {"ours": ours, "hand": hand, "ratio": ratio}
            if ratio > MAX_RATIO:
                above.append(f"a film of {name} costs {ratio:.3f} times the CPU of the command by hand, above {MAX_RATIO:.2f}")
        if not options.skip_moviepy:
            cpu = moviepy(sources, work / "moviepy", seconds)
            times = cpu / statistics.median(figures["clips"]["ours"])
            figures["moviepy"] = {"cpu": cpu, "times": times}
            print(f"moviepy, three encodes a frame: {cpu:.1f} CPU-s, {times:.1f} times ours", flush=True)
        if not options.skip_memory:
            peak, film = peak_memory(binary, sources, work / "long")
            figures["memory"] = {"mebibytes": peak, "scenes": 200, "seconds": film["seconds"]}
            print(f"200 scenes, {film['seconds']:.0f} s, in {len(film['sections'])} sections: "
                  f"{peak:.0f} MiB (at most {MAX_MEBIBYTES})", flush=True)
            if peak > MAX_MEBIBYTES:
                above.append(f"a film of 200 scenes takes {peak:.0f} MiB, above {MAX_MEBIBYTES}")
    if options.json:
        options.json.write_text(json.dumps(figures, indent=2) + "\n")
    if above:
        sys.exit("\n".join(above))


if __name__ == "__main__":
    main()
