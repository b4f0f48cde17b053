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
    """Resident memory and CPU of `dev up` over a quiet minute, with 50,000 files watched and synced; and with a probe."""
    results = Results("idle", "")
    for name, probe in (("no probe", ""), ("a tcp probe", PROBE)):
        folder = tree(bench)
        with open(os.path.join(folder, "dev.toml"), "w", encoding="utf-8") as stack:
            stack.write(STACK.format(probe=probe))
        dev = Dev(bench, folder, "bench-idle")
        try:
            dev.wipe()
            dev.up()
            resident, own, share = watched(dev, MINUTE)
        finally:
            dev.wipe()
        results.add(f"{name}: resident MB", "dev", resident / 1e6)
        results.add(f"{name}: of it private MB", "dev", own / 1e6)
        results.add(f"{name}: % of a core", "dev", share * 100)
    shutil.rmtree(bench.work("idle"))
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
