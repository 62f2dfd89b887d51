#!/usr/bin/env python3
"""Receives Errand's webhook messages on this machine, checks their signatures, and keeps them.

usage: webhook_receiver.py --secret whsec_… --dir FOLDER [--listen 127.0.0.1:18500] [--count N]

Messages are signed as Standard Webhooks says: HMAC-SHA256 over "id.timestamp.body" with the base64 part of the secret.
A message with a wrong signature or an old timestamp is refused with 401. Each accepted message is stored once, as
FOLDER/<webhook-id>.json, and told of in one line; a repeat of a message that is already there is accepted and not counted
again. The program ends after N different messages, or on SIGTERM. Python's standard library only.
"""
import argparse
import base64
import binascii
import hashlib
import hmac
import json
import os
import pathlib
import re
import signal
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

BODY_BYTES_MAX = 1024 * 1024
TOLERANCE_S = 300


def fault_of(headers, body, key, now):
    """Why a message must not be trusted; None if it may."""
    identity, timestamp, signatures = (headers.get(name) for name in ("webhook-id", "webhook-timestamp", "webhook-signature"))
    if not (identity and timestamp and signatures):
        return "a webhook header is missing"
    if not re.fullmatch(r"[A-Za-z0-9_.-]{1,128}", identity) or not timestamp.isdigit():
        return "a webhook header is malformed"
    if abs(now - int(timestamp)) > TOLERANCE_S:
        return "the timestamp is too far from now"
    signed = f"{identity}.{timestamp}.".encode() + body
    expected = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    # Several signatures, separated by blanks, may be sent while a secret is being changed.
    for signature in signatures.split():
        version, _, value = signature.partition(",")
        if version == "v1" and hmac.compare_digest(value.encode(), expected.encode()):
            return None
    return "no signature fits"


def make_handler(key, folder, enough, count):
    lock = threading.Lock()
    seen = {path.stem for path in folder.glob("*.json")}

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_):
            pass

        def answer(self, status, text):
            body = (text + "\n").encode()
            self.send_response(status)
            self.send_header("content-type", "text/plain; charset=utf-8")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def do_POST(self):
            length = self.headers.get("content-length", "")
            if not length.isdigit() or int(length) > BODY_BYTES_MAX:
                return self.answer(413, "the body's length is missing or too large")
            body = self.rfile.read(int(length))
            fault = fault_of(self.headers, body, key, time.time())
            if fault:
                print(f"refused: {fault}", flush=True)
                return self.answer(401, fault)
            try:
                message = json.loads(body)
                data = message["data"]
                line = f"{message['type']} {data['id']} {data.get('title', '')[:60]}"
            except (ValueError, KeyError, TypeError):
                print("refused: the body is not a message", flush=True)
                return self.answer(400, "the body is not a message")
            identity = self.headers["webhook-id"]
            with lock:
                repeated = identity in seen
                if not repeated:
                    headers = {name: self.headers[name] for name in ("webhook-id", "webhook-timestamp", "webhook-signature")}
                    stored = {"headers": headers, "signature": "verified", "message": message}
                    part = folder / f".{identity}.part"
                    part.write_text(json.dumps(stored, indent=2, ensure_ascii=False), encoding="utf-8")
                    os.replace(part, folder / f"{identity}.json")
                    seen.add(identity)
                done = count is not None and len(seen) >= count
            print(f"{'repeated' if repeated else 'received'}: {line} (signature verified)", flush=True)
            self.answer(200, "thank you")
            if done:
                enough.set()

    return Handler


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--secret", required=True, help="whsec_ and the key in base64")
    parser.add_argument("--dir", required=True, type=pathlib.Path, help="where messages are stored")
    parser.add_argument("--listen", default="127.0.0.1:18500", metavar="ADDRESS:PORT", help="port 0 picks a free one")
    parser.add_argument("--count", type=int, metavar="N", help="end after N different messages")
    arguments = parser.parse_args()
    if not arguments.secret.startswith("whsec_"):
        parser.error("the secret begins with whsec_")
    try:
        key = base64.b64decode(arguments.secret.removeprefix("whsec_"), validate=True)
    except binascii.Error:
        parser.error("the secret is not base64")
    host, _, port = arguments.listen.rpartition(":")
    arguments.dir.mkdir(parents=True, exist_ok=True)
    enough = threading.Event()
    server = ThreadingHTTPServer((host, int(port)), make_handler(key, arguments.dir, enough, arguments.count))
    print(f"listening on {host}:{server.server_address[1]}", flush=True)
    signal.signal(signal.SIGTERM, lambda *_: enough.set())
    serving = threading.Thread(target=server.serve_forever, daemon=True)
    serving.start()
    try:
        enough.wait()
    except KeyboardInterrupt:
        pass
    server.shutdown()
    print(f"stored {len(list(arguments.dir.glob('*.json')))} messages in {arguments.dir}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
