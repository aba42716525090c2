"""Clips with tencentcloud-sdk-python-vod and cos-python-sdk-v5.

An HLS media goes up with its segments, is clipped for now and for good, joined with itself, and
deleted; PersistenceComplete comes by PULL. Then a live stream is registered and clipped by time. The
setup says which playlist (`playlist`, a path), and which live one (`live`, a path on the server, five
seconds from `live_start` on, ISO 8601).
"""

import json
import os
from datetime import datetime, timedelta

import requests
from tencentcloud.common.exception.tencent_cloud_sdk_exception import TencentCloudSDKException
from tencentcloud.common.common_client import CommonClient
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
        profile = ClientProfile(httpProfile=http)
        self.client = VodClient(credential, "ap-guangzhou", profile)
        self.common = CommonClient("vod", "2018-07-17", credential, "ap-guangzhou", profile)
        self.seen = []

    def call(self, action, **members):
        """An action with the classes of the SDK."""
        request = getattr(models, f"{action}Request")()
        request.from_json_string(json.dumps({"SubAppId": self.setup.app, **members}))
        return getattr(self.client, action)(request)

    def own(self, action, **members):
        """An action of Callboard's own; a dict, without its envelope."""
        return self.common.call_json(action, {"SubAppId": self.setup.app, **members})["Response"]

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


def at(start, seconds):
    """A moment so many seconds after the start, as the API takes it."""
    moment = datetime.fromisoformat(start.replace("Z", "+00:00")) + timedelta(seconds=seconds)
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def live(clips):
    """Registers a live stream and clips it; the addresses of the clips."""
    stream, start = "camera-1", clips.setup.live_start
    own = lambda action, **members: clips.own(action, StreamId=stream, **members)
    refused("InvalidParameterValue.StreamIdInvalid",
            lambda: clips.call("LiveRealTimeClip", StreamId=stream, StartTime=start, EndTime=at(start, 2)))
    refused("InvalidParameterValue", lambda: own("RegisterLiveStream", Playlist="/etc/passwd"))
    own("RegisterLiveStream", Playlist=clips.setup.live)

    def recorded():
        (found,) = clips.own("DescribeLiveStreams", StreamIds=[stream])["LiveStreamSet"]
        return found["State"] == "ENDED" and found
    found = until("the end of the live stream", recorded)
    equal(found["StartTime"], start, "StartTime of the recording")
    span = {"StreamId": stream, "StartTime": at(start, 1), "EndTime": at(start, 3),
            "Host": "live.example.com"}
    passing = clips.call("LiveRealTimeClip", MetaDataRequired=1, **span)
    equal((passing.FileId, passing.VodTaskId), ("", ""), "FileId and VodTaskId")
    equal(passing.MetaData.VideoStreamSet[0].Codec, "h264", "codec of the live stream")
    kept = clips.call("LiveRealTimeClip", IsPersistence=1, SourceContext="live=1", **span)
    check(kept.MetaData is None, "MetaData was not asked for")
    (stretch,) = kept.SegmentSet
    equal((stretch.StartTime, stretch.EndTime), (at(start, 1), at(start, 3)), "SegmentSet")
    equal(len(segments(requests.get(passing.Url, timeout=20).text)), 2, "segments of the clip")
    clips.expect_persisted(kept.FileId, "LiveRealTimeClip")
    (upload,) = [event.FileUploadEvent for event in clips.events("NewFileUpload")
                 if event.FileUploadEvent.FileId == kept.FileId]
    by_id = clips.call("DescribeMediaInfos", FileIds=[kept.FileId]).MediaInfoSet
    found = [clips.call("SearchMedia", **asked).MediaInfoSet for asked in (
        {"StreamIds": ["other", stream]}, {"StreamId": stream}, {"SourceTypes": ["Record"]})]
    for (info,) in [by_id] + found:
        equal(info.FileId, kept.FileId, "the clip of the stream")
        equal(info.BasicInfo.SourceInfo._serialize(), upload.MediaBasicInfo.SourceInfo._serialize(),
              "SourceInfo")
    source = upload.MediaBasicInfo.SourceInfo
    equal((source.SourceType, source.SourceContext), ("Record", "live=1"), "source of a live clip")
    recorded = source.LiveRecordInfo
    equal((recorded.StreamId, recorded.RecordStartTime, recorded.RecordEndTime),
          (stream, at(start, 1), at(start, 3)), "LiveRecordInfo")
    equal(clips.call("SearchMedia", StreamIds=["other"]).TotalCount, 0, "clips of another stream")
    refused("InvalidParameterValue.EndTime", lambda: clips.call(
        "LiveRealTimeClip", StreamId=stream, StartTime=start, EndTime=start))
    refused("InvalidParameterValue.StartTime", lambda: clips.call(
        "LiveRealTimeClip", StreamId=stream, StartTime=at(start, 60), EndTime=at(start, 70)))
    own("DeleteLiveStream")
    refused("ResourceNotFound", lambda: own("DeleteLiveStream"))
    equal(requests.get(passing.Url, timeout=20).status_code, 404, "status of a clip that is gone")
    return [kept.Url]


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
    step("made", urls=[kept.Url, joined.Url, again.Url] + live(clips))
    step("done")


main()
