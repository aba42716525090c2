"""The whole round with tencentcloud-sdk-python-vod and cos-python-sdk-v5.

Configure, upload, receive by PUSH, read back, switch to PULL, upload in parts, delete, pull,
confirm; then the own actions through CommonClient, and what is refused. The setup says how requests
are signed (`sign_method`) and sent (`http_method`).
"""

import json

import requests
from tencentcloud.common.common_client import CommonClient
from tencentcloud.common.credential import Credential
from tencentcloud.common.profile.client_profile import ClientProfile
from tencentcloud.common.profile.http_profile import HttpProfile
from tencentcloud.vod.v20180717 import models
from tencentcloud.vod.v20180717.vod_client import VodClient

from cos_upload import same_object, upload
from stage import (check, equal, padded_clip, read, read_setup, refused, step, step_and_wait,
                   temporary_file, until)

LARGE = 20 * 1024 * 1024 + 12_345
UNUSED_ID = "1000000000000000001"


class Round:
    """The clients of one round."""

    def __init__(self, setup):
        self.setup = setup
        self.client = VodClient(self.credential(), "ap-guangzhou", self.profile())
        self.common = self.common_client(self.credential())

    def credential(self):
        """The root key."""
        return Credential(self.setup.secret_id, self.setup.secret_key)

    def profile(self):
        """Where the server is, and how to speak to it: all that an application has to change."""
        http = HttpProfile(protocol="https" if self.setup.ca else "http",
                           certification=self.setup.ca, endpoint=self.setup.endpoint,
                           reqMethod=self.setup.http_method, reqTimeout=20)
        return ClientProfile(signMethod=self.setup.sign_method, httpProfile=http)

    def common_client(self, credential):
        """The SDK's client for actions it has no classes for."""
        return CommonClient("vod", "2018-07-17", credential, "ap-guangzhou", self.profile())

    def call(self, action, **members):
        """An action with the classes of the SDK: DescribeEventConfig -> its request and answer."""
        request = getattr(models, f"{action}Request")()
        request.SubAppId = self.setup.app
        for name, value in members.items():
            check(hasattr(request, name), f"{action} has no member {name}")
            setattr(request, name, value)
        return getattr(self.client, action)(request)

    def own(self, action, **members):
        """An action of Callboard's own; a dict, without its envelope."""
        answer = self.common.call_json(action, {"SubAppId": self.setup.app, **members})
        return answer["Response"]

    # -- configuration -----------------------------------------------------------------------------

    def configure_push(self):
        """A new application is silent; then it is told to notify."""
        config = self.call("DescribeEventConfig")
        equal((config.Mode, config.NotificationUrl), ("PUSH", ""), "configuration at first")
        for switch in ("UploadMediaComplete", "DeleteMediaComplete", "PersistenceComplete"):
            equal(getattr(config, f"{switch}EventSwitch"), "OFF", f"{switch} at first")
        self.call("ModifyEventConfig", Mode="PUSH", NotificationUrl=self.setup.receiver,
                  UploadMediaCompleteEventSwitch="ON", DeleteMediaCompleteEventSwitch="ON",
                  PersistenceCompleteEventSwitch="ON", SignKey=self.setup.sign_key)
        self.expect_config("PUSH")
        raw = self.own("DescribeEventConfig")
        check("SignKey" not in raw, f"DescribeEventConfig shows the SignKey: {raw}")
        refused("InvalidParameter", lambda: self.call("ModifyEventConfig", Mode="push"))
        refused("InvalidParameter",
                lambda: self.call("ModifyEventConfig", Mode="PULL", SignKey="not alphanumeric"))
        self.expect_config("PUSH")

    def expect_config(self, mode):
        """Everything as configured, in that mode."""
        config = self.call("DescribeEventConfig")
        equal(config.Mode, mode, "Mode")
        equal(config.NotificationUrl, self.setup.receiver, "NotificationUrl")
        for switch in ("UploadMediaComplete", "DeleteMediaComplete", "PersistenceComplete"):
            equal(getattr(config, f"{switch}EventSwitch"), "ON", switch)

    # -- upload ------------------------------------------------------------------------------------

    def upload(self, path, mode, **members):
        """ApplyUpload, COS, CommitUpload; the FileId, the MediaUrl, the COS client and place."""
        applied = json.loads(self.call("ApplyUpload", MediaType="mp4", **members).to_json_string())
        client, key = upload(self.setup, applied, path, mode)
        session = applied["VodSessionKey"]
        committed = self.call("CommitUpload", VodSessionKey=session)
        again = self.call("CommitUpload", VodSessionKey=session)
        equal(again.FileId, committed.FileId, "FileId of a second CommitUpload")
        return committed.FileId, committed.MediaUrl, (client, applied["StorageBucket"], key)

    def upload_small(self):
        """Upload with one PUT, and the callback for it."""
        data = read(self.setup.clip)
        file_id, url, place = self.upload(self.setup.clip, "ip", MediaName="Animal World",
                                          SourceContext="round=1")
        same_object(*place, data)
        step_and_wait("uploaded", file_id=file_id, size=len(data), name="Animal World",
                      source_context="round=1", media_url=url)
        self.playable(url, data)
        self.expect_state(file_id, "NewFileUpload", "DONE")
        self.described(file_id, data)
        return file_id

    def playable(self, url, data):
        """The MediaUrl serves the file, whole and by ranges, as players ask for it."""
        equal(requests.get(url, timeout=20).content, data, "the file under MediaUrl")
        part = requests.get(url, headers={"Range": "bytes=100-299"}, timeout=20)
        equal(part.status_code, 206, "status of a range")
        equal(part.content, data[100:300], "range of the file under MediaUrl")

    def described(self, file_id, data):
        """DescribeMediaInfos: what the file is, and which ids do not exist."""
        answer = self.call("DescribeMediaInfos", FileIds=[file_id, UNUSED_ID],
                           Filters=["basicInfo", "metaData"])
        equal(answer.NotExistFileIdSet, [UNUSED_ID], "ids that do not exist")
        equal([info.FileId for info in answer.MediaInfoSet], [file_id], "ids that exist")
        info = answer.MediaInfoSet[0]
        equal(info.BasicInfo.Name, "Animal World", "name")
        equal(info.BasicInfo.Type, "mp4", "type")
        equal(info.BasicInfo.SourceInfo.SourceContext, "round=1", "SourceContext")
        equal(info.MetaData.Size, len(data), "size")
        check(1.9 < info.MetaData.Duration < 2.2, f"duration: {info.MetaData.Duration}")
        equal((info.MetaData.Width, info.MetaData.Height), (160, 90), "width and height")
        equal(info.MetaData.VideoStreamSet[0].Codec, "h264", "video codec")
        equal(info.MetaData.AudioStreamSet[0].Codec, "aac", "audio codec")
        check(info.TranscodeInfo is None, "a block that was not asked for must be null")

    def expect_state(self, file_id, kind, state):
        """Waits for the event of a file to reach a state; its row in the history."""
        def look():
            rows = self.own("DescribeEvents", FileId=file_id, EventTypes=[kind])["EventSet"]
            check(len(rows) <= 1, f"more than one {kind} for one file: {rows}")
            return [row for row in rows if row["State"] == state]
        return until(f"{kind} of {file_id} to be {state}", look)[0]

    # -- PULL --------------------------------------------------------------------------------------

    def pull_and_confirm(self, small):
        """Switch, upload in parts, delete; then both events by PullEvents."""
        self.call("ModifyEventConfig", Mode="PULL")
        self.expect_config("PULL")
        data = padded_clip(self.setup.clip, LARGE)
        with temporary_file(data) as file:
            large, url, place = self.upload(file.name, "domain", MediaName="large")
        same_object(*place, data)
        self.playable(url, data)
        self.call("DeleteMedia", FileId=small)
        refused("ResourceNotFound", lambda: self.call("DeleteMedia", FileId=small))
        equal(self.call("DescribeMediaInfos", FileIds=[small]).NotExistFileIdSet, [small],
              "the deleted file")
        equal(self.call("DescribeEventsState").CountOfEventsToPull, 2, "events to pull")

        events = self.pull(2)
        equal([event.EventType for event in events], ["NewFileUpload", "FileDeleted"], "events")
        uploaded, deleted = events
        equal(uploaded.FileUploadEvent.FileId, large, "FileId of the upload")
        equal(uploaded.FileUploadEvent.MetaData.Size, len(data), "size in the event")
        check(uploaded.FileUploadEvent.MetaData.Duration > 0, "duration in the event")
        equal(deleted.FileDeleteEvent.FileIdSet, [small], "FileIds of the deletion")
        check(uploaded.FileDeleteEvent is None and deleted.FileUploadEvent is None,
              "unused members of an event must be null")

        handles = [event.EventHandle for event in events]
        self.call("ConfirmEvents", EventHandles=handles[:1])
        self.call("ConfirmEvents", EventHandles=handles)  # the first one again: accepted
        equal(self.call("DescribeEventsState").CountOfEventsToPull, 0, "events left")
        error = refused("InvalidParameterValue",
                        lambda: self.call("ConfirmEvents", EventHandles=["no-such-handle"]))
        check("no-such-handle" in error.get_message(), f"must name it: {error.get_message()}")
        refused("ResourceNotFound", lambda: self.call("PullEvents"), message="no event")
        step("pulled", file_ids=[small, large])

    def pull(self, count):
        """That many events, however many calls it takes."""
        events = []
        while len(events) < count:
            answer = self.call("PullEvents")
            check(1 <= len(answer.EventSet) <= 16, f"{len(answer.EventSet)} events in one answer")
            events.extend(answer.EventSet)
        return events

    # -- own actions -------------------------------------------------------------------------------

    def own_actions(self):
        """Publish, look it up, purge: through CommonClient."""
        task = {"TaskId": "1500000000-Procedure-1", "Status": "FINISH", "FileId": UNUSED_ID,
                "MetaData": {"Size": 5, "Duration": 1.5}}
        event = {"EventType": "ProcedureStateChanged", "EventKey": "key-1",
                 "ProcedureStateChangeEvent": task}
        first = self.own("PublishEvents", Events=[event])["EventSet"][0]
        equal(first["State"], "READY", "state of a published event")
        again = self.own("PublishEvents", Events=[event])["EventSet"][0]
        equal(again["EventId"], first["EventId"], "EventId for the same EventKey")

        detail = self.own("DescribeEventDetail", EventId=first["EventId"])["Event"]
        equal(detail["EventType"], "ProcedureStateChanged", "EventType in the detail")
        equal(detail["AttemptSet"], [], "attempts in PULL mode")
        (pulled,) = self.pull(1)
        equal(pulled.ProcedureStateChangeEvent.TaskId, task["TaskId"], "TaskId")
        equal(pulled.ProcedureStateChangeEvent.MetaData.Duration, 1.5, "Duration")
        check(pulled.EventHandle.startswith(first["EventId"]), "a handle starts with the EventId")
        equal(self.own("PurgeEvents")["Count"], 1, "purged events")
        refused("InvalidParameterValue",
                lambda: self.call("ConfirmEvents", EventHandles=[pulled.EventHandle]))
        self.expect_state(UNUSED_ID, "ProcedureStateChanged", "DEAD")

    def keys(self):
        """A key that may do one thing can do that and nothing else, until it is deleted."""
        made = self.own("CreateKey", Name="reader", Actions=["DescribeEventConfig"])
        key = Credential(made["SecretId"], made["SecretKey"])
        reader = self.common_client(key)
        members = {"SubAppId": self.setup.app}
        answer = reader.call_json("DescribeEventConfig", members)["Response"]
        equal(answer["Mode"], "PULL", "Mode as the reader sees it")
        refused("UnauthorizedOperation", lambda: reader.call_json("PullEvents", members))
        listed = [row["SecretId"] for row in self.own("DescribeKeys")["KeySet"]]
        check(made["SecretId"] in listed, f"the new key is not among {listed}")
        check(made["SecretKey"] not in str(self.own("DescribeKeys")), "DescribeKeys shows a secret")
        self.own("DeleteKey", KeyId=made["SecretId"])
        refused("AuthFailure.SecretIdNotFound",
                lambda: reader.call_json("DescribeEventConfig", members))

    def refusals(self):
        """What is refused reaches the program as the code that it is."""
        wrong = self.common_client(Credential(self.setup.secret_id, "not the key"))
        refused("AuthFailure.SignatureFailure", lambda: wrong.call_json("DescribeEventConfig", {}))
        nobody = self.common_client(Credential("AKIDnobody", "x"))
        refused("AuthFailure.SecretIdNotFound", lambda: nobody.call_json("DescribeEventConfig", {}))
        # the SDK asks for Chinese unless it is told otherwise
        refused("MissingParameter", lambda: self.own("ApplyUpload"),
                message="请求缺少必需的参数 `MediaType`。")
        refused("UnknownParameter", lambda: self.own("DescribeEventConfig", Colour="red"),
                message="未定义的参数 `Colour`。")
        self.common.profile.language = "en-US"
        refused("UnknownParameter", lambda: self.own("DescribeEventConfig", Colour="red"),
                message="The parameter `Colour` is not recognized.")
        refused("InvalidAction", lambda: self.own("DescribeWeather"))
        refused("UnsupportedOperation", lambda: self.own("DescribeVodDomains"))
        refused("FailedOperation", lambda: self.own("DescribeEventConfig", SubAppId=4_000_000_001),
                message="invalid vod user")


def main():
    """The round."""
    story = Round(read_setup())
    story.configure_push()
    small = story.upload_small()
    story.pull_and_confirm(small)
    story.own_actions()
    story.keys()
    story.refusals()
    step("done")


main()
