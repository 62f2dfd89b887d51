#!/usr/bin/env python3
"""Prints the JSON body that submits an example: its submit.json, with the files of its files.txt attached.

usage: build_request.py EXAMPLE_FOLDER [--webhook URL] [--webhook-secret whsec_…] [--portal URL] > request.json

files.txt names one file or folder/* a line, relative to the folder. Python's standard library only.
"""
import argparse
import base64
import json
import pathlib
import sys
import urllib.parse


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
    parser.add_argument("--portal", metavar="URL", help="of the homes: where portal.py answers; the task gets portal.txt, and the network to that host alone")
    arguments = parser.parse_args()
    request = json.loads((arguments.folder / "submit.json").read_text(encoding="utf-8"))
    files = attached(arguments.folder)
    if arguments.portal:
        files.append({"name": "portal.txt", "content_base64": base64.b64encode(arguments.portal.encode()).decode()})
        request["network"] = {"mode": "allow_list", "hosts": [urllib.parse.urlsplit(arguments.portal).netloc]}
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
