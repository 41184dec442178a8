"""Backups beside libsodium's bare secret stream and beside age: the same file, in turn, round after round.

Figures go to standard output as a table, and to a file as JSON. Each ratio is of two figures of the same round.
"""

import argparse
import json
import os
import platform
import resource
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time

UNITS = {"K": 1 << 10, "M": 1 << 20, "G": 1 << 30}


def size(text):
    """A number of bytes, as 256M or 4G."""
    return int(text[:-1]) * UNITS[text[-1]] if text[-1] in UNITS else int(text)


def room(folder, count):
    state = os.statvfs(folder)
    return state.f_bavail * state.f_frsize >= count


def spare_memory():
    """What is free, or can be freed, but for 1 GiB."""
    with open("/proc/meminfo") as info:
        return next(int(line.split()[1]) for line in info if line.startswith("MemAvailable:")) * 1024 - (1 << 30)


def fill(path, count):
    """Bytes that no file system and no program takes for less than they are."""
    with open(path, "wb") as file:
        for start in range(0, count, 1 << 20):
            file.write(os.urandom(min(1 << 20, count - start)))


def plant(folder, count):
    """So many files of 1 to 4 KB, a thousand in a folder."""
    contents = os.urandom(4096)
    for number in range(count):
        if number % 1000 == 0:
            os.makedirs(f"{folder}/{number // 1000:04}")
        with open(f"{folder}/{number // 1000:04}/{number:08}", "wb") as file:
            file.write(contents[: 1000 + number % 3000])


def timed(command, cores, **options):
    """Runs `command` and gives wall and processor time in seconds, and the peak of its memory in KiB."""
    pin = (lambda: os.sched_setaffinity(0, cores)) if cores else None
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    start = time.monotonic()
    process = subprocess.Popen(command, preexec_fn=pin, **options)
    peak = [0]
    # The kernel's count of a child's peak begins with ours, from before it became another program.
    watcher = threading.Thread(target=watch, args=(process, peak))
    watcher.start()
    code = process.wait()
    wall = time.monotonic() - start
    watcher.join()
    if code:
        raise SystemExit(f"bench: {command} ended with {code}")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {"seconds": wall, "processor": used, "peakKiB": peak[0]}


def watch(process, peak):
    """Keeps the greatest memory that a process had."""
    while process.returncode is None:
        try:
            with open(f"/proc/{process.pid}/status") as status:
                peak[0] = max([peak[0]] + [int(line.split()[1]) for line in status if line.startswith("VmHWM:")])
        except (FileNotFoundError, ProcessLookupError):
            return
        time.sleep(0.005)


def spread(values):
    """The median of the rounds, with the least and the greatest."""
    return {"median": statistics.median(values), "least": min(values), "greatest": max(values)}


def machine():
    with open("/proc/cpuinfo") as info:
        model = next((line.split(":")[1].strip() for line in info if line.startswith("model name")), platform.machine())
    return {"processor": model, "cores": len(os.sched_getaffinity(0)), "kernel": platform.release()}


def keep(path, figures):
    with open(path, "w") as file:
        json.dump({"machine": machine(), **figures}, file, indent=2)
        file.write("\n")


class Bench:
    """Runs the programs in `work`; `fresh` bytes of memory are touched before each one, if any."""

    def __init__(self, work, fresh):
        self.work = work
        self.fresh = fresh
        self.environment = {**os.environ, "TENPIN_HOME": f"{work}/home"}
        quiet = {"check": True, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        subprocess.run(["tenpin", "key", "new"], env=self.environment, **quiet)
        subprocess.run(["age-keygen", "-o", f"{work}/identity"], **quiet)
        with open(f"{work}/recipient", "w") as file:
            subprocess.run(["age-keygen", "-y", f"{work}/identity"], check=True, stdout=file)

    def run(self, command, cores=None):
        self.warm()
        return timed(command, cores, cwd=self.work, env=self.environment)

    def warm(self):
        """A virtual machine gives unused memory back to its host, and takes several times as long to write there again."""
        with open(f"{self.work}/warm", "wb") as file:
            for _ in range(0, self.fresh, 1 << 20):
                file.write(bytes(1 << 20))
        self.remove("warm")

    def remove(self, *names):
        for name in names:
            path = f"{self.work}/{name}"
            shutil.rmtree(path) if os.path.isdir(path) else os.remove(path)

    def large(self, count, cores):
        """One round over the file `large`, of `count` bytes."""
        bare = subprocess.run(["secretstream", str(count)], check=True, capture_output=True, text=True)
        sealing, opening = map(float, bare.stdout.split())
        figures = {
            "bare sealing": {"seconds": sealing, "processor": sealing},
            "bare opening": {"seconds": opening, "processor": opening},
        }
        figures["tenpin backup"] = self.run(["tenpin", "backup", "large", "--output", "sealed"], cores)
        figures["tenpin restore"] = self.run(["tenpin", "restore", "sealed", "--into", "restored"], cores)
        self.compare("restored/large")
        figures["age encrypt"] = self.run(["age", "-R", "recipient", "-o", "sealed", "large"], cores)
        figures["age decrypt"] = self.run(["age", "-d", "-i", "identity", "-o", "restored", "sealed"], cores)
        self.compare("restored")
        return figures

    def compare(self, restored):
        subprocess.run(["cmp", "large", restored], cwd=self.work, check=True)
        self.remove("sealed", "restored")

    def small(self):
        """One round over the folder `small`."""
        os.mkdir(f"{self.work}/unpacked")
        encrypt = "set -o pipefail; tar -cf - small | age -R recipient -o small.age"
        decrypt = "set -o pipefail; age -d -i identity small.age | tar -xf - -C unpacked"
        figures = {
            "tenpin backup": self.run(["tenpin", "backup", "small", "--output", "small.tenpin"]),
            "tar and age encrypt": self.run(["bash", "-c", encrypt]),
            "tenpin restore": self.run(["tenpin", "restore", "small.tenpin", "--into", "restored"]),
            "tar and age decrypt": self.run(["bash", "-c", decrypt]),
        }
        subprocess.run(["diff", "-r", "small", "restored"], cwd=self.work, check=True)
        self.remove("small.tenpin", "small.age", "restored", "unpacked")
        for name in ("tar and age encrypt", "tar and age decrypt"):
            del figures[name]["peakKiB"]  # the shell's
        return figures


def summed(rounds, ratios):
    """Each figure's spread over the rounds, and the spread of each ratio: how many times as fast the first one is."""
    return {
        "figures": {
            name: {kind: spread([one[name][kind] for one in rounds]) for kind in rounds[0][name]}
            for name in rounds[0]
        },
        "ratios": {
            f"{ours} / {theirs}": spread([one[theirs]["seconds"] / one[ours]["seconds"] for one in rounds])
            for ours, theirs in ratios
        },
    }


def show(title, sums):
    print(f"\n{title}")
    for name, figure in sums["figures"].items():
        seconds, processor = figure["seconds"], figure["processor"]
        line = f"  {name:20} {seconds['median']:7.2f} s ({seconds['least']:.2f} to {seconds['greatest']:.2f})"
        line += f"  processor {processor['median']:6.2f} s"
        if "peakKiB" in figure:
            line += f"  memory {figure['peakKiB']['greatest'] / 1024:5.1f} MiB"
        print(line)
    for name, ratio in sums["ratios"].items():
        print(f"  {name:38} {ratio['median']:5.2f} ({ratio['least']:.2f} to {ratio['greatest']:.2f})")


def main():
    parser = argparse.ArgumentParser(prog="swtpm-setup bench backup", description="Times backups and restores.")
    parser.add_argument("--size", type=size, default="1G", help="of the large file; 1G")
    parser.add_argument("--files", type=int, default=100_000, help="how many small files; 100000")
    parser.add_argument("--rounds", type=int, default=5, help="how often; 5")
    parser.add_argument("--disk", required=True, help=argparse.SUPPRESS)
    parser.add_argument("--json", required=True, help=argparse.SUPPRESS)
    options = parser.parse_args()

    # The file, one that is sealed, and one that is restored; small files take a page or two each.
    needed = max(3 * options.size, 3 * options.files * 8192)
    memory = os.path.isdir("/dev/shm") and room("/dev/shm", needed) and spare_memory() >= needed
    if not memory and not room(options.disk, needed):
        raise SystemExit(f"bench: {needed >> 20} MiB are needed in /dev/shm or {options.disk}; free some, or give --size")
    place = "/dev/shm, which is memory" if memory else f"the disk below {options.disk}"
    # What is in memory must go with us.
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: sys.exit(1))
    with tempfile.TemporaryDirectory(prefix="tenpin-bench.", dir="/dev/shm" if memory else options.disk) as work:
        print(f"{options.size >> 20} MiB and {options.files} files, {options.rounds} rounds, on {place}", flush=True)
        bench = Bench(work, needed // 3 if memory else 0)
        fill(f"{work}/large", options.size)
        against = [
            ("tenpin backup", "bare sealing"), ("tenpin restore", "bare opening"),
            ("tenpin backup", "age encrypt"), ("tenpin restore", "age decrypt"),
        ]
        parts = {}
        for name, cores in (("all cores", None), ("one core", {min(os.sched_getaffinity(0))})):
            rounds = [bench.large(options.size, cores) for _ in range(options.rounds)]
            parts[name] = summed(rounds, against)
            show(f"One large file, {name}", parts[name])
        bench.remove("large")
        plant(f"{work}/small", options.files)
        rounds = [bench.small() for _ in range(options.rounds)]
        parts["small files"] = summed(
            rounds, [("tenpin backup", "tar and age encrypt"), ("tenpin restore", "tar and age decrypt")])
        show("Many small files", parts["small files"])
    keep(
        options.json,
        {"place": place, "size": options.size, "files": options.files, "rounds": options.rounds, "parts": parts})
    print(f"\nAlso in {options.json}")


main()
