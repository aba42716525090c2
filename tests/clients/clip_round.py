"""Clips with tencentcloud-sdk-python-vod and cos-python-sdk-v5.

An HLS media goes up with its segments, is clipped for now and for good, joined with itself, and
deleted; PersistenceComplete comes by PULL. The setup says which playlist (`playlist`, a path).
"""

import json
import os

import requests
from tencentcloud.common.exception.tencent_cloud_sdk_exception import TencentCloudSDKException
from tencentcloud.common.credential import Credential
from tencentcloud.common.profile.client_profile import ClientProfile
from tencentcloud.common.profile.http_profile import HttpProfile
from tencentcloud.vod.v20180717 import models
from tencentcloud.vod.v20180717.vod_client import VodClient

from cos_upload import cos_client
from stage import check, equal, read, read_setup, refused, step, until


def segments(text):
    """The references of a playlist."""
    return [line for line in text.splitlines() if line and not line.startswith("#")]


class Round:
    """The client of one round, and the events that came."""

    def __init__(self, setup):
        self.setup = setup
        http = HttpProfile(protocol="http", endpoint=setup.endpoint, reqTimeout=20)
        credential = Credential(setup.secret_id, setup.secret_key)
        self.client = VodClient(credential, "ap-guangzhou", ClientProfile(httpProfile=http))
        self.seen = []

    def call(self, action, **members):
        """An action with the classes of the SDK."""
        request = getattr(models, f"{action}Request")()
        request.from_json_string(json.dumps({"SubAppId": self.setup.app, **members}))
        return getattr(self.client, action)(request)

    def upload(self):
        """The playlist and its segments; FileId and MediaUrl."""
        playlist = self.setup.playlist
        applied = self.call("ApplyUpload", MediaType="m3u8", MediaName="source")
        certificate = json.loads(applied.TempCertificate.to_json_string())
        client = cos_client(self.setup, certificate, applied.StorageRegion, "ip")
        key = applied.MediaStoragePath[1:]
        put = lambda key, data: client.put_object(
            Bucket=applied.StorageBucket, Key=key, Body=data)
        text = read(playlist)
        for name in segments(text.decode()):
            put(f"{os.path.dirname(key)}/{name}", read(os.path.join(os.path.dirname(playlist), name)))
        put(key, text)
        done = self.call("CommitUpload", VodSessionKey=applied.VodSessionKey)
        return done.FileId, done.MediaUrl

    def events(self, kind):
        """Every event of a type that has come so far; they are pulled and confirmed."""
        try:
            answer = self.call("PullEvents")
        except TencentCloudSDKException as error:
            equal(error.get_code(), "ResourceNotFound", f"PullEvents: {error}")
        else:
            self.seen.extend(answer.EventSet)
            handles = [event.EventHandle for event in answer.EventSet]
            self.call("ConfirmEvents", EventHandles=handles)
        return [event for event in self.seen if event.EventType == kind]

    def expect_persisted(self, file_id, source):
        """Waits for PersistenceComplete of a file."""
        def look():
            complete = [event.PersistenceCompleteEvent for event in self.events("PersistenceComplete")]
            return [event for event in complete if event.FileId == file_id]
        (complete,) = until(f"PersistenceComplete of {file_id}", look)
        equal(complete.PersistenceSource, source, "PersistenceSource")


def main():
    """One clip after the other."""
    setup = read_setup()
    clips = Round(setup)
    source, url = clips.upload()
    passing = clips.call("SimpleHlsClip", Url=url, StartTimeOffset=1, EndTimeOffset=3)
    equal((passing.FileId, passing.TaskId), ("", ""), "FileId and TaskId of a clip that is not kept")
    check(1.9 < passing.MetaData.Duration < 2.1, f"duration: {passing.MetaData.Duration}")
    equal(len(segments(requests.get(passing.Url, timeout=20).text)), 2, "segments of the clip")

    kept = clips.call("SimpleHlsClip", Url=url, StartTimeOffset=-2, IsPersistence=1,
                      SourceContext="round=1", ExpireTime="2099-01-01T00:00:00Z")
    clips.expect_persisted(kept.FileId, "SimpleHlsClip")
    uploads = [event.FileUploadEvent for event in clips.events("NewFileUpload")]
    (upload,) = [event for event in uploads if event.FileId == kept.FileId]
    equal(upload.MediaBasicInfo.SourceInfo.SourceType, "VideoProcessing", "SourceType")
    equal(upload.MediaBasicInfo.SourceInfo.SourceContext, "round=1", "SourceContext")
    equal(upload.MediaBasicInfo.MediaUrl, kept.Url, "MediaUrl")
    equal(upload.MediaBasicInfo.ExpireTime, "2099-01-01T00:00:00Z", "ExpireTime")

    part = lambda start, end: {"FileId": source, "AudioVideoType": "Original",
                               "StartTimeOffset": start, "EndTimeOffset": end}
    joined = clips.call("FastEditMedia", FileInfos=[part(3, 4), part(0, 2)],
                        ClipMode="StartInclusiveEndExclusive")
    clips.expect_persisted(joined.FileId, "FastEditMedia")
    clips.call("DeleteMedia", FileId=source)
    info = clips.call("DescribeMediaInfos", FileIds=[source, kept.FileId, joined.FileId])
    equal(info.NotExistFileIdSet, [source], "files that do not exist")
    refused("InvalidParameterValue.Url", lambda: clips.call("SimpleHlsClip", Url=url))
    refused("InvalidParameterValue.StartTimeOffset",
            lambda: clips.call("SimpleHlsClip", Url=kept.Url, StartTimeOffset=99))
    refused("InvalidParameterValue.IsPersistence",
            lambda: clips.call("SimpleHlsClip", Url=kept.Url, IsPersistence=2))
    refused("InvalidParameterValue", lambda: clips.call("FastEditMedia", FileInfos=[part(0, 0)]))
    again = clips.call("SimpleHlsClip", Url=kept.Url, StartTimeOffset=1)
    step("made", urls=[kept.Url, joined.Url, again.Url])
    step("done")


main()
