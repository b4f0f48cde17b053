"""What was measured: kept as JSON, and printed as a table."""

import json
import os
import statistics
import time


class Results:
    """Samples by measure and contender, in the order in which they first came."""

    def __init__(self, task, unit="ms"):
        self.task = task
        self.unit = unit
        self.samples = {}
        self.notes = []

    def add(self, measure, contender, value):
        self.samples.setdefault(measure, {}).setdefault(contender, []).append(value)

    def note(self, text):
        if text not in self.notes:
            self.notes.append(text)


def machine(engine):
    with open("/proc/meminfo", encoding="ascii") as meminfo:
        kib = int(meminfo.readline().split()[1])
    return {
        "cores": os.cpu_count(),
        "memory_gib": round(kib / 1024**2, 1),
        "engine": engine.version["Version"],
        "api": engine.version["ApiVersion"],
        "kernel": os.uname().release,
        "when": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
    }


def summary(values):
    values = sorted(values)
    facts = {
        "n": len(values),
        "min": values[0],
        "median": statistics.median(values),
        "max": values[-1],
    }
    # Of fewer they mean nothing.
    if len(values) >= 100:
        facts.update({f"p{share}": percentile(values, share) for share in (50, 95, 99)})
    return facts


def percentile(values, share):
    """The smallest value that this share of all does not exceed."""
    values = sorted(values)
    return statistics.median(values) if share == 50 else values[min(len(values) * share // 100, len(values) - 1)]


def write(folder, results, facts):
    os.makedirs(folder, exist_ok=True)
    measures = {
        measure: {who: {**summary(values), "samples": values} for who, values in by.items()}
        for measure, by in results.samples.items()
    }
    kept = {"task": results.task, "unit": results.unit, "machine": facts, "measures": measures, "notes": results.notes}
    path = os.path.join(folder, f"{results.task}.json")
    with open(path, "w", encoding="utf-8") as out:
        json.dump(kept, out, indent=1)
        out.write("\n")


def table(results):
    """Markdown, so that it can stand in a document as it is."""
    unit = results.unit
    rows = [["measure", "", "n", f"min {unit}", f"median {unit}", f"max {unit}", "× floor", "× compose"]]
    for measure, by in results.samples.items():
        medians = {who: statistics.median(values) for who, values in by.items()}
        for who, values in by.items():
            facts = summary(values)
            rows.append([
                measure,
                who,
                str(facts["n"]),
                *(number(facts[key]) for key in ("min", "median", "max")),
                ratio(medians, who, "floor"),
                ratio(medians, who, "compose"),
            ])
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = []
    for place, row in enumerate(rows):
        cells = [
            cell.ljust(width) if column < 2 else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths))
        ]
        lines.append("| " + " | ".join(cells) + " |")
        if place == 0:
            rule = ["-" * width if column < 2 else "-" * max(width - 1, 1) + ":" for column, width in enumerate(widths)]
            lines.append("| " + " | ".join(rule) + " |")
    return "\n".join(lines + [f"- {note}" for note in results.notes])


def number(value):
    if value >= 100:
        return f"{value:.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def ratio(medians, who, to):
    base = medians.get(to)
    if not base or who == to:
        return ""
    value = medians[who] / base
    return f"{value:.2f}" if value >= 0.1 else f"{value:.3f}"
