#!/usr/bin/env python3
"""Prints the JSON body that submits an example: its submit.json, with the files of its files.txt attached.

usage: build_request.py EXAMPLE_FOLDER [--webhook URL] [--webhook-secret whsec_…] > request.json

files.txt names one file or folder/* a line, relative to the folder. Python's standard library only.
"""
import argparse
import base64
import json
import pathlib
import sys


def attached(folder):
    listing = folder / "files.txt"
    if not listing.exists():
        return []
    paths = []
    for line in listing.read_text(encoding="utf-8").split():
        found = sorted(folder.glob(line))
        if not found:
            sys.exit(f"{listing}: nothing matches {line}")
        paths += found
    return [
        {"name": path.relative_to(folder).as_posix(), "content_base64": base64.b64encode(path.read_bytes()).decode()}
        for path in paths
    ]


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--webhook", metavar="URL", help="where the task's outcome is to be sent")
    parser.add_argument("--webhook-secret", metavar="SECRET", help="the key that its messages are signed with")
    arguments = parser.parse_args()
    request = json.loads((arguments.folder / "submit.json").read_text(encoding="utf-8"))
    files = attached(arguments.folder)
    if files:
        request["files"] = files
    if arguments.webhook:
        request["webhook"] = {"url": arguments.webhook}
        if arguments.webhook_secret:
            request["webhook"]["secret"] = arguments.webhook_secret
    json.dump(request, sys.stdout)
    print()


if __name__ == "__main__":
    main()
