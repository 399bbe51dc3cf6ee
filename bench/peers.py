"""Runs one scanner over folders, each a model of its own, and prints which it flags: peers.py <tool> <folder of folders> <seconds>.

What takes longer than so many seconds is not flagged.
"""

import json
import logging
import os
import resource
import signal
import sys

logging.disable(logging.CRITICAL)


def files(folder):
    for root, _, names in os.walk(folder):
        for name in names:
            yield os.path.join(root, name)


def modelscan():
    from modelscan.modelscan import ModelScan

    return lambda folder: ModelScan().scan(folder)["summary"]["total_issues"] > 0


def picklescan():
    from picklescan.scanner import scan_directory_path

    def flagged(folder):
        result = scan_directory_path(folder)
        return result.issues_count > 0 or result.infected_files > 0

    return flagged


def fickling():
    from fickling import is_likely_safe

    def unsafe(path):
        try:
            return not is_likely_safe(path)
        except Exception:  # it reads pickles and checkpoints only
            return False

    return lambda folder: any(unsafe(path) for path in files(folder))


def modelaudit():
    from modelaudit.core import scan_model_directory_or_file

    def flagged(folder):
        issues = scan_model_directory_or_file(folder, cache_enabled=False).issues
        return any(str(i.severity).rsplit(".", 1)[-1].lower() in ("warning", "critical") for i in issues)

    return flagged


class Late(Exception):
    pass


def late(*_):
    raise Late


def main():
    tool, folder, limit = sys.argv[1:]
    resource.setrlimit(resource.RLIMIT_AS, (8 << 30, 8 << 30))
    signal.signal(signal.SIGALRM, late)
    answers = sys.stdout
    sys.stdout = open(os.devnull, "w")
    scan = {"modelscan": modelscan, "picklescan": picklescan, "fickling": fickling, "modelaudit": modelaudit}[tool]()
    out = {}
    for name in sorted(os.listdir(folder)):
        signal.alarm(int(limit))
        try:
            out[name] = bool(scan(os.path.join(folder, name)))
        except (Exception, SystemExit):  # a scanner that fails has flagged nothing
            out[name] = False
        finally:
            signal.alarm(0)
    json.dump(out, answers)


main()
