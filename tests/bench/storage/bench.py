#!/usr/bin/env python3
"""What pruning costs, beside other programs that delete the same files on the same server.

The same 100,000 small files, three times over, on versitygw over a folder: ours lists, plans, writes its plan and
deletes; `s5cmd rm` and `rclone delete` list and delete. And the plan alone, over a million files.

    bench.py [--files N] [--runs N] [--skip-rclone]

Ends with 1 if a figure is above the bound that is printed beside it.

Needs cargo and Go. Which program goes first changes with each run.
"""

import argparse
import json
import os
import pathlib
import resource
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
CHECKOUT = HERE.parents[2]
KEYS = {"access": "bench", "secret": "bench-secret"}
DAY = 86_400
FILES_A_FOLDER = 1_000
# The eight folders without files, what lies beside them, and unfinished uploads.
OTHER_LISTS = 10


def output(*args, **options):
    return subprocess.run([str(arg) for arg in args], check=True, stdout=subprocess.PIPE, text=True, **options).stdout


def populate(bucket, files):
    """Clips of so many jobs, all a month old."""
    then = time.time() - 30 * DAY
    for number in range(files):
        job = number // FILES_A_FOLDER
        folder = bucket / f"clips/films/video-{job:04}-3f9c2a1e/r1/clips"
        if number % FILES_A_FOLDER == 0:
            folder.mkdir(parents=True)
        path = folder / f"{number:032x}.mp4"
        path.write_bytes(b"x")
        os.utime(path, (then, then))


class Server:
    """versitygw over a folder, ended by its own process id."""

    def __init__(self, program, folder):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        environment = {**os.environ, "ROOT_ACCESS_KEY": KEYS["access"], "ROOT_SECRET_KEY": KEYS["secret"]}
        self.process = subprocess.Popen(
            [program, "--port", f"127.0.0.1:{self.port}", "--region", "auto", "--keep-alive", "--quiet", "posix", folder],
            env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            if self.process.poll() is not None:
                break
            time.sleep(0.05)
        sys.exit("versitygw takes no connections")

    def stop(self):
        self.process.terminate()
        self.process.wait()


def timed(*args, environment):
    """Wall and CPU seconds of a program, and what it wrote."""
    began, before = time.monotonic(), resource.getrusage(resource.RUSAGE_CHILDREN)
    printed = output(*args, env={**os.environ, **environment})
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return time.monotonic() - began, cpu, printed


def ours(program, url, bucket):
    wall, cpu, printed = timed(
        program, url, bucket, environment={"ACCESS_KEY": KEYS["access"], "SECRET_KEY": KEYS["secret"]}
    )
    return json.loads(printed) | {"seconds": wall, "cpu": cpu}


def s5cmd(program, url, bucket):
    environment = {"AWS_ACCESS_KEY_ID": KEYS["access"], "AWS_SECRET_ACCESS_KEY": KEYS["secret"], "AWS_REGION": "auto"}
    wall, cpu, _ = timed(program, "--endpoint-url", url, "--log", "error", "rm", f"s3://{bucket}/*", environment=environment)
    return {"seconds": wall, "cpu": cpu}


def rclone(program, url, bucket):
    environment = {
        "RCLONE_CONFIG_BENCH_TYPE": "s3", "RCLONE_CONFIG_BENCH_PROVIDER": "Other", "RCLONE_CONFIG_BENCH_ENDPOINT": url,
        "RCLONE_CONFIG_BENCH_ACCESS_KEY_ID": KEYS["access"], "RCLONE_CONFIG_BENCH_SECRET_ACCESS_KEY": KEYS["secret"],
        "RCLONE_CONFIG_BENCH_REGION": "auto", "RCLONE_CONFIG": "/dev/null",
    }
    wall, cpu, _ = timed(program, "delete", "--checkers", "16", f"bench:{bucket}", environment=environment)
    return {"seconds": wall, "cpu": cpu}


def left(bucket):
    return sum(1 for path in (bucket / "clips").rglob("*.mp4")) if (bucket / "clips").exists() else 0


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--files", type=int, default=100_000)
    arguments.add_argument("--runs", type=int, default=3)
    arguments.add_argument("--skip-rclone", action="store_true")
    options = arguments.parse_args()

    target = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", CHECKOUT / "target")) / "release/examples"
    subprocess.run(
        ["cargo", "build", "--locked", "--release", "--workspace", "--example", "prune", "--example", "plan"],
        check=True, cwd=CHECKOUT,
    )
    versitygw = output(CHECKOUT / "tests/versitygw").strip()
    peers = {"ours": (ours, target / "prune"), "s5cmd": (s5cmd, output(HERE / "peer", "s5cmd").strip())}
    if not options.skip_rclone:
        peers["rclone"] = (rclone, output(HERE / "peer", "rclone").strip())

    results = {name: [] for name in peers}
    for number in range(options.runs):
        order = list(peers)[number % len(peers):] + list(peers)[: number % len(peers)]
        for name in order:
            folder = pathlib.Path(tempfile.mkdtemp(prefix="videofactory-bench-"))
            server = None
            try:
                populate(folder / "videos", options.files)
                server = Server(versitygw, folder)
                run, program = peers[name]
                result = run(program, server.url, "videos")
                remain = left(folder / "videos")
                if remain:
                    sys.exit(f"{name} left {remain} files: {result}")
                results[name].append(result)
                print(f"{name}: {result['seconds']:.2f} s, {result['cpu']:.2f} CPU-s", flush=True)
            finally:
                if server:
                    server.stop()
                shutil.rmtree(folder)

    median = {name: statistics.median(run["seconds"] for run in runs) for name, runs in results.items()}
    fastest = min((name for name in median if name != "ours"), key=median.get)
    mine = results["ours"]
    pages = options.files // 1000 + 1
    print(f"pruning {options.files} files: {median['ours']:.2f} s, {fastest} {median[fastest]:.2f} s")
    # It fails above the last of its figures, and is judged by it here.
    plan = json.loads(subprocess.run([target / "plan", "1000000"], stdout=subprocess.PIPE).stdout)
    figures = [
        (f"time of pruning, as a ratio to {fastest}", median["ours"] / median[fastest], 1.0),
        ("memory of pruning above idle, in MiB", max(run["mibAboveIdle"] for run in mine), 150),
        ("list calls", max(run["listCalls"] for run in mine), pages + OTHER_LISTS),
        ("delete calls", max(run["deleteCalls"] for run in mine), pages),
        (f"seconds for a plan of {plan['files']} files", plan["seconds"], 2),
        ("bytes of memory that each of them takes", plan["bytes_a_file"], plan["most_bytes_a_file"]),
    ]
    for name, figure, most in figures:
        print(f"{name}: {round(figure, 2):g} (at most {most})", flush=True)
    above = [f"{name}: {round(figure, 2):g} is above {most}" for name, figure, most in figures if figure > most]
    if above:
        sys.exit("\n".join(above))


if __name__ == "__main__":
    main()
