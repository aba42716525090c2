"""What the Python client programs share: the talk with the test that runs them, and plain checks.

A program reads its setup as one line of JSON from standard input and prints one line of JSON for
each step. Where the test has to look at something first (has the callback come?), the program
waits for another line. It exits with 0 at its end, with 1 and the reason on standard error
otherwise. By hand:

    echo '{"endpoint": "127.0.0.1:8800", ...}' | target/venv/bin/python tests/clients/sdk_round.py

Deliberately absent: a test framework. Each program is one story from its first line to its last,
written as a user of the SDK would write it.
"""

import hashlib
import json
import os
import sys
import tempfile
import time

from tencentcloud.common.exception.tencent_cloud_sdk_exception import TencentCloudSDKException

DEADLINE_S = 30


class Setup:
    """The setup line: endpoint (host:port), secret_id, secret_key, receiver (URL), sign_key, clip
    (path of an MP4), app (SubAppId), ca (path of an authority; with it the server is called by
    https), and what a program needs besides."""

    def __init__(self, facts):
        self.ca = None
        self.__dict__.update(facts)


def read_setup():
    """The first line of standard input."""
    # Everything here is on this machine, whatever proxy its user has set.
    os.environ["NO_PROXY"] = os.environ["no_proxy"] = "127.0.0.1,localhost"
    line = sys.stdin.readline()
    check(line, "the setup is missing: one line of JSON on standard input")
    setup = Setup(json.loads(line))
    if setup.ca:
        os.environ["REQUESTS_CA_BUNDLE"] = setup.ca  # for what is fetched without an SDK
    return setup


def step(name, /, **facts):
    """Tells the test that a step is done."""
    print(json.dumps({"step": name, **facts}), flush=True)


def step_and_wait(name, /, **facts):
    """Tells the test that a step is done, and returns what the test answers."""
    step(name, **facts)
    line = sys.stdin.readline()
    check(line, f"the test went away after the step {name}")
    return json.loads(line)


def check(condition, message):
    """Ends the program if something is not as it should be."""
    if not condition:
        caller = sys._getframe(1)
        while caller.f_code.co_filename == __file__:
            caller = caller.f_back
        print(f"{os.path.basename(caller.f_code.co_filename)}:{caller.f_lineno}: {message}",
              file=sys.stderr)
        sys.exit(1)


def equal(actual, expected, what):
    """Ends the program unless both are the same."""
    check(actual == expected, f"{what}: expected {expected!r}, got {actual!r}")


def refused(code, call, message=None):
    """Makes a call that must be refused with that code; returns the exception."""
    try:
        answer = call()
    except TencentCloudSDKException as error:
        equal(error.get_code(), code, f"code (the message was {error.get_message()!r})")
        check(error.get_request_id(), f"{code} came without a RequestId")
        if message is not None:
            equal(error.get_message(), message, f"message of {code}")
        return error
    check(False, f"expected {code}, but the call was answered: {answer}")


def until(what, attempt):
    """Repeats an attempt until it returns something true, up to a deadline."""
    end = time.monotonic() + DEADLINE_S
    while True:
        result = attempt()
        if result:
            return result
        check(time.monotonic() < end, f"waited {DEADLINE_S} s for {what}")
        time.sleep(0.05)


def read(path):
    """The bytes of a file."""
    with open(path, "rb") as file:
        return file.read()


def padded_clip(clip, size):
    """A valid MP4 of exactly `size` bytes: the clip and one `free` box, whose content never
    repeats, so that a part stored in the wrong place changes the file."""
    media = read(clip)
    box = size - len(media)
    check(box >= 8, "the padded clip must be larger than the clip")
    media += box.to_bytes(4, "big") + b"free"
    blocks = []
    for number in range((box - 8) // 32 + 1):
        blocks.append(hashlib.sha256(number.to_bytes(8, "big")).digest())
    return (media + b"".join(blocks))[:size]


def temporary_file(data, suffix=".mp4"):
    """A file with those bytes that is removed when the program ends."""
    file = tempfile.NamedTemporaryFile(suffix=suffix)
    file.write(data)
    file.flush()
    return file
