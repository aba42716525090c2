"""The round with tccli; the bytes go up with cos-python-sdk-v5, because tccli does not upload.

tccli can be pointed at a server in two ways, and both are used: the first half gives --endpoint
with each command and lists as JSON, the second half has it from `tccli configure` and gives lists
word by word (--cli-unfold-argument).
"""

import json
import os
import subprocess
import sys
import tempfile

from cos_upload import same_object, upload
from stage import check, equal, read, read_setup, step, step_and_wait, until

TCCLI = os.path.join(os.path.dirname(sys.executable), "tccli")


class Tccli:
    """tccli with a home of its own."""

    def __init__(self, setup, home):
        self.setup = setup
        self.url = f"http://{setup.endpoint}"
        self.base = {name: value for name, value in os.environ.items()
                     if not name.startswith("TENCENTCLOUD_")}
        self.base["HOME"] = home
        self.configured = False

    def configure(self):
        """From here on, everything comes from `tccli configure`."""
        pairs = ["secretId", self.setup.secret_id, "secretKey", self.setup.secret_key,
                 "region", "ap-guangzhou", "output", "json", "vod.endpoint", self.url]
        self.run(["configure", "set", *pairs])
        self.configured = True

    def run(self, arguments):
        """The finished command."""
        environment = dict(self.base)
        if not self.configured:
            environment["TENCENTCLOUD_SECRET_ID"] = self.setup.secret_id
            environment["TENCENTCLOUD_SECRET_KEY"] = self.setup.secret_key
        return subprocess.run([TCCLI, *arguments], env=environment, capture_output=True, text=True,
                              stdin=subprocess.DEVNULL, timeout=60, check=False)

    def vod(self, action, *arguments):
        """The command of an action."""
        where = [] if self.configured else ["--endpoint", self.url, "--region", "ap-guangzhou"]
        app = ["--SubAppId", str(self.setup.app)]
        return self.run(["vod", action, *where, *app, *arguments])

    def call(self, action, *arguments):
        """The answer of an action that must succeed."""
        done = self.vod(action, *arguments)
        equal(done.returncode, 0, f"exit code of {action} ({done.stderr.strip()})")
        answer = json.loads(done.stdout)
        check(answer["RequestId"], f"{action} came without a RequestId")
        return answer

    def refused(self, code, action, *arguments):
        """An action that must be refused with that code; what tccli says."""
        done = self.vod(action, *arguments)
        check(done.returncode != 0, f"{action} was answered: {done.stdout}")
        check(f"code:{code} " in done.stderr, f"expected {code}, tccli says: {done.stderr.strip()}")
        return done.stderr


def first_half(tccli, setup):
    """Configure, upload, callback; with --endpoint."""
    equal(tccli.call("DescribeEventConfig")["Mode"], "PUSH", "Mode at first")
    tccli.call("ModifyEventConfig", "--Mode", "PUSH", "--NotificationUrl", setup.receiver,
               "--UploadMediaCompleteEventSwitch", "ON", "--DeleteMediaCompleteEventSwitch", "ON",
               "--SignKey", setup.sign_key)
    equal(tccli.call("DescribeEventConfig")["NotificationUrl"], setup.receiver, "NotificationUrl")
    refusal = tccli.refused("FailedOperation", "PullEvents")
    check("PULL" in refusal, f"must say that PULL mode is needed: {refusal}")

    data = read(setup.clip)
    applied = tccli.call("ApplyUpload", "--MediaType", "mp4", "--MediaName", "动物世界")
    client, key = upload(setup, applied, setup.clip, "ip")
    same_object(client, applied["StorageBucket"], key, data)
    committed = tccli.call("CommitUpload", "--VodSessionKey", applied["VodSessionKey"])
    file_id = committed["FileId"]
    step_and_wait("uploaded", file_id=file_id, size=len(data), name="动物世界", source_context="",
                  media_url=committed["MediaUrl"])
    answer = tccli.call("DescribeMediaInfos", "--FileIds", json.dumps([file_id]),
                        "--Filters", '["basicInfo", "metaData"]')
    (info,) = answer["MediaInfoSet"]
    equal(info["BasicInfo"]["Name"], "动物世界", "name")
    equal(info["MetaData"]["Size"], len(data), "size")
    return file_id


def second_half(tccli, file_id):
    """Switch, delete, pull, confirm; configured."""
    tccli.configure()
    tccli.call("ModifyEventConfig", "--Mode", "PULL")
    # The callback has come, but its outcome may be a moment from being settled.
    until("the queue to be empty",
          lambda: tccli.call("DescribeEventsState")["CountOfEventsToPull"] == 0)
    tccli.call("DeleteMedia", "--FileId", file_id)
    equal(tccli.call("DescribeEventsState")["CountOfEventsToPull"], 1, "events to pull")
    (event,) = tccli.call("PullEvents")["EventSet"]
    equal(event["EventType"], "FileDeleted", "EventType")
    equal(event["FileDeleteEvent"]["FileIdSet"], [file_id], "FileIdSet")
    check(event["FileUploadEvent"] is None, "unused members must be null")
    tccli.call("ConfirmEvents", "--cli-unfold-argument", "--EventHandles", event["EventHandle"])
    equal(tccli.call("DescribeEventsState")["CountOfEventsToPull"], 0, "events left")
    check("message:no event " in tccli.refused("ResourceNotFound", "PullEvents"),
          "the message must be exactly: no event")
    tccli.refused("InvalidParameterValue", "ConfirmEvents", "--cli-unfold-argument",
                  "--EventHandles", "no-such-handle")
    tccli.refused("ResourceNotFound", "DeleteMedia", "--FileId", file_id)
    tccli.refused("AuthFailure.SignatureFailure", "DescribeEventConfig", "--secretKey", "wrong")


def main():
    """The round."""
    setup = read_setup()
    with tempfile.TemporaryDirectory() as home:
        tccli = Tccli(setup, home)
        file_id = first_half(tccli, setup)
        second_half(tccli, file_id)
    step("done")


main()
