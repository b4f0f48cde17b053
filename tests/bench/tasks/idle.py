import os
import shutil

from measure.contender import Dev
from measure.report import Results
from tasks.memory import watched

FILES = 50_000
IN_A_FOLDER = 50
# Seconds of quiet that are looked at.
MINUTE = 60

STACK = """
[services.site]
image = "dev.local/busybox"
command = ["httpd", "-f", "-p", "8000"]
stop = {{ signal = "KILL" }}
watch = [{{ paths = ["tree"], sync = "/tree" }}]
{probe}
"""
PROBE = "ready = { tcp = 8000 }"


def idle(bench):
    """Resident memory and CPU of `dev up` over a quiet minute, with 50,000 files watched and synced; its probes beside it."""
    results = Results("idle", "")
    folder = tree(bench)
    dev = Dev(bench, folder, "bench-idle")
    shares = {}
    try:
        dev.wipe()
        for name, probe in (("no probe", ""), ("a tcp probe", PROBE)):
            with open(os.path.join(folder, "dev.toml"), "w", encoding="utf-8") as stack:
                stack.write(STACK.format(probe=probe))
            bench.say(f"    {name}")
            resident, own, shares[name] = watched(dev, MINUTE)
            results.add(f"{name}: resident MB", "dev", resident / 1e6)
            results.add(f"{name}: of it private MB", "dev", own / 1e6)
            results.add(f"{name}: % of a core", "dev", shares[name] * 100)
    finally:
        dev.wipe()
    share = max(shares["a tcp probe"] - shares["no probe"], 0)
    results.add("the tcp probe by itself: % of a core", "dev", share * 100)
    results.note(f"{FILES} files in {FILES // IN_A_FOLDER} folders; CPU over {MINUTE} s without any change")
    shutil.rmtree(folder)
    return results


def tree(bench):
    folder = bench.work("idle")
    for number in range(FILES):
        place = os.path.join(folder, "tree", f"{number // IN_A_FOLDER:04}")
        if number % IN_A_FOLDER == 0:
            os.makedirs(place, exist_ok=True)
        with open(os.path.join(place, f"module_{number:05}.py"), "w", encoding="utf-8") as file:
            file.write(f"# {number}\n")
    return folder
