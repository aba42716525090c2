"""The library with tencentcloud-sdk-python-vod: classes, changes, searches, lists, deletion.

Three files go up; they are filed, changed, searched, forbidden and deleted, all with the classes of
the SDK. `app` names its files by FileId, `path_app` by path.
"""

import base64
import json

import requests
from tencentcloud.common.credential import Credential
from tencentcloud.common.profile.client_profile import ClientProfile
from tencentcloud.common.profile.http_profile import HttpProfile
from tencentcloud.vod.v20180717 import models
from tencentcloud.vod.v20180717.vod_client import VodClient

from cos_upload import upload
from stage import check, equal, read_setup, refused, step

UNUSED_ID = "1000000000000000001"
VTT = "WEBVTT\n\n00:00.000 --> 00:01.000\n字幕\n".encode()
PNG = b"\x89PNG\r\n\x1a\n" + bytes(64)


class Round:
    """The client of one round."""

    def __init__(self, setup):
        self.setup = setup
        http = HttpProfile(protocol="http", endpoint=setup.endpoint, reqTimeout=20)
        credential = Credential(setup.secret_id, setup.secret_key)
        self.client = VodClient(credential, "ap-guangzhou", ClientProfile(httpProfile=http))

    def call(self, action, app=None, **members):
        """An action with the classes of the SDK."""
        request = getattr(models, f"{action}Request")()
        request.from_json_string(json.dumps({"SubAppId": app or self.setup.app, **members}))
        return getattr(self.client, action)(request)

    def upload(self, app=None, **members):
        """One file; FileId and MediaUrl."""
        applied = self.call("ApplyUpload", app, MediaType="mp4", **members)
        facts = json.loads(applied.to_json_string())
        upload(self.setup, facts, self.setup.clip, "ip")
        done = self.call("CommitUpload", app, VodSessionKey=applied.VodSessionKey)
        return done.FileId, done.MediaUrl

    def classes(self):
        """A tree of two levels; the ids of both."""
        films = self.call("CreateClass", ParentId=-1, ClassName="films").ClassId
        old = self.call("CreateClass", ParentId=films, ClassName="old").ClassId
        refused("FailedOperation.ClassNameDuplicate",
                lambda: self.call("CreateClass", ParentId=-1, ClassName="films"))
        refused("FailedOperation.ParentIdNoFound",
                lambda: self.call("CreateClass", ParentId=99, ClassName="x"))
        refused("InvalidParameterValue.ClassName",
                lambda: self.call("CreateClass", ParentId=-1, ClassName="x" * 65))
        self.call("ModifyClass", ClassId=old, ClassName="silent")
        refused("FailedOperation.ClassNoFound",
                lambda: self.call("ModifyClass", ClassId=99, ClassName="x"))
        infos = self.call("DescribeAllClass").ClassInfoSet
        equal([(info.ClassId, info.ParentId, info.Level, info.Name, info.SubClassIdSet)
               for info in infos],
              [(0, -1, 0, "其他", []), (films, -1, 0, "films", [old]),
               (old, films, 1, "silent", [])], "classes")
        return films, old

    def basic(self, file_id):
        """BasicInfo of a file."""
        return self.call("DescribeMediaInfos", FileIds=[file_id]).MediaInfoSet[0].BasicInfo

    def modify(self, file_id, old):
        """Everything that can be changed of a file, at once."""
        answer = self.call("ModifyMediaInfo", FileId=file_id, Name="Metropolis", ClassId=old,
                           Description="About a city", AddTags=["ufa", "1927"],
                           ExpireTime="2099-01-01T00:00:00Z",
                           CoverData=base64.b64encode(PNG).decode())
        equal(requests.get(answer.CoverUrl, timeout=20).content, PNG, "the cover")
        info = self.basic(file_id)
        equal((info.Name, info.ClassPath, info.ClassName), ("Metropolis", "films-silent", "silent"),
              "name and class")
        equal((info.TagSet, info.ExpireTime, info.CoverUrl),
              (["ufa", "1927"], "2099-01-01T00:00:00Z", answer.CoverUrl), "tags, end, cover")
        self.call("ModifyMediaInfo", FileId=file_id, DeleteTags=["1927"])
        equal(self.basic(file_id).TagSet, ["ufa"], "tags")
        for code, members in [
                ("ResourceNotFound.FileNotExist", {"FileId": UNUSED_ID}),
                ("InvalidParameterValue.Name", {"Name": "n" * 65}),
                ("InvalidParameterValue.Description", {"Description": "d" * 129}),
                ("InvalidParameterValue.ClassId", {"ClassId": 99}),
                ("InvalidParameterValue.ExpireTime", {"ExpireTime": "yesterday"}),
                ("InvalidParameterValue.TagTooLong", {"AddTags": ["t" * 33]}),
                ("LimitExceeded.TagCountReachMax", {"AddTags": [str(n) for n in range(16)]}),
                ("InvalidParameterValue.AddTagsAndClearTagsConflict",
                 {"AddTags": ["a"], "ClearTags": 1}),
                ("InvalidParameterValue.AddTagsAndDeleteTagsConflict",
                 {"AddTags": ["a"], "DeleteTags": ["a"]}),
                ("InvalidParameterValue.ImageDecodeError", {"CoverData": "AAAA"})]:
            refused(code, lambda: self.call("ModifyMediaInfo", **{"FileId": file_id, **members}))
        refused("UnsupportedOperation.ClassNotEmpty", lambda: self.call("DeleteClass", ClassId=old))

    def attach(self, file_id):
        """Marks on the timeline and subtitles; and the original among the transcodes."""
        def info():
            return self.call("DescribeMediaInfos", FileIds=[file_id]).MediaInfoSet[0]
        item = info().TranscodeInfo.TranscodeSet[0]
        equal((item.Definition, item.Url, item.Size),
              (0, info().BasicInfo.MediaUrl, info().MetaData.Size), "the original")
        frames = [{"TimeOffset": 2.5, "Content": "goal"}, {"TimeOffset": 1, "Content": "start"}]
        subtitle = {"Name": "中文", "Language": "zh", "Format": "vtt", "Id": "zh-1",
                    "Content": base64.b64encode(VTT).decode()}
        answer = self.call("ModifyMediaInfo", FileId=file_id, AddKeyFrameDescs=frames,
                           AddSubtitles=[subtitle, {**subtitle, "Id": "zh-2"}])
        equal([item.Id for item in answer.AddedSubtitleSet], ["zh-1", "zh-2"], "subtitles")
        served = requests.get(answer.AddedSubtitleSet[0].Url, timeout=20)
        equal((served.content, served.headers["Content-Type"]), (VTT, "text/vtt"), "a subtitle")
        equal([(frame.TimeOffset, frame.Content) for frame in info().KeyFrameDescInfo.KeyFrameDescSet],
              [(1, "start"), (2.5, "goal")], "key frames")
        self.call("ModifyMediaInfo", FileId=file_id, DeleteKeyFrameDescs=[2.5],
                  DeleteSubtitleIds=["zh-1"])
        only = self.call("DescribeMediaInfos", FileIds=[file_id],
                         Filters=["keyFrameDescInfo", "subtitleInfo"]).MediaInfoSet[0]
        equal(([frame.TimeOffset for frame in only.KeyFrameDescInfo.KeyFrameDescSet],
               [item.Id for item in only.SubtitleInfo.SubtitleSet], only.TranscodeInfo),
              ([1], ["zh-2"], None), "what is left")
        equal(requests.get(answer.AddedSubtitleSet[0].Url, timeout=20).status_code, 404,
              "status of a subtitle that was taken away")
        for code, members in [
                ("InvalidParameterValue.KeyFrameDescContentTooLong",
                 {"AddKeyFrameDescs": [{"TimeOffset": 1, "Content": "c" * 129}]}),
                ("InvalidParameterValue.AddKeyFrameDescsAndClearKeyFrameDescsConflict",
                 {"AddKeyFrameDescs": frames, "ClearKeyFrameDescs": 1}),
                ("InvalidParameterValue.AddKeyFrameDescsAndDeleteKeyFrameDescsConflict",
                 {"AddKeyFrameDescs": frames, "DeleteKeyFrameDescs": [1]}),
                ("LimitExceeded.KeyFrameDescCountReachMax",
                 {"AddKeyFrameDescs": [{"TimeOffset": n + 2, "Content": "c"} for n in range(100)]}),
                ("InvalidParameterValue.SubtitleFormat",
                 {"AddSubtitles": [{**subtitle, "Format": "srt"}]}),
                ("InvalidParameterValue", {"AddSubtitles": [{**subtitle, "Id": "zh-2"}]})]:
            refused(code, lambda: self.call("ModifyMediaInfo", FileId=file_id, **members))
        self.call("ModifyMediaInfo", FileId=file_id, ClearKeyFrameDescs=1, ClearSubtitles=1)
        equal((info().KeyFrameDescInfo, info().SubtitleInfo), (None, None), "what is left")

    def search(self, **members):
        """How many files were found, and the ids of those shown."""
        answer = self.call("SearchMedia", **members)
        return answer.TotalCount, [info.FileId for info in answer.MediaInfoSet]

    def searches(self, metropolis, others, films):
        """One file is found by everything that it has."""
        newest = [*reversed(others), metropolis]
        equal(self.search(), (3, newest), "all files")
        equal(self.search(Sort={"Field": "CreateTime", "Order": "Asc"}, Limit=1),
              (3, [metropolis]), "the oldest")
        time = self.basic(metropolis).CreateTime
        for members in [
                {"FileIds": [metropolis, UNUSED_ID]}, {"Names": ["METRO"]}, {"NamePrefixes": ["met"]},
                {"Descriptions": ["city"]}, {"Text": "City"}, {"ClassIds": [films]},
                {"Tags": ["ufa", "none"]},
                {"ExpireTime": {"After": "2098-01-01T00:00:00Z", "Before": "2099-01-01T00:00:00Z"}},
                {"Names": ["metro"], "Categories": ["Video"], "SourceTypes": ["Upload"],
                 "MediaTypes": ["MP4"], "Status": ["Normal"], "StorageRegions": ["ap-guangzhou"],
                 "StorageClasses": ["STANDARD"], "ReviewResults": ["notModerated"],
                 "SourceType": "Upload", "StartTime": time,
                 "CreateTime": {"After": time, "Before": time}}]:
            equal(self.search(**members), (1, [metropolis]), f"found by {members}")
        for members in [{"StreamIds": ["s"]}, {"Status": ["Forbidden"]}, {"EndTime": time},
                        {"Categories": ["Audio"]}, {"TrtcSdkAppIds": [1]}]:
            equal(self.search(**members), (0, []), f"found by {members}")
        only = self.call("SearchMedia", Names=["metro"], Filters=["metaData"]).MediaInfoSet[0]
        check(only.BasicInfo is None and only.MetaData.Size > 0, f"a block too many: {only}")
        refused("InvalidParameterValue.Offset", lambda: self.search(Offset=4_991))
        refused("InvalidParameterValue.Categories", lambda: self.search(Categories=["Films"]))
        refused("InvalidParameterValue.Sort",
                lambda: self.search(Sort={"Field": "Name", "Order": "Asc"}))

    def forbid(self, file_id, url):
        """A forbidden file answers 403 until it is permitted."""
        both = [file_id, UNUSED_ID]
        answer = self.call("ForbidMediaDistribution", FileIds=both, Operation="forbid")
        equal(answer.NotExistFileIdSet, [UNUSED_ID], "ids that do not exist")
        equal(requests.get(url, timeout=20).status_code, 403, "status of a forbidden file")
        equal(self.search(Status=["Forbidden"]), (1, [file_id]), "forbidden files")
        self.call("ForbidMediaDistribution", FileIds=[file_id], Operation="recover")
        equal(requests.get(url, timeout=20).status_code, 200, "status of a permitted file")
        refused("InvalidParameterValue.Operation",
                lambda: self.call("ForbidMediaDistribution", FileIds=[file_id], Operation="Forbid"))
        refused("InvalidParameterValue.FileIdsOverLimit",
                lambda: self.call("ForbidMediaDistribution", FileIds=["1"] * 21, Operation="forbid"))

    def delete(self, metropolis, old):
        """Parts, the file, and its class."""
        before = self.call("DescribeStorageData")
        equal(before.MediaCount, 3, "media")
        self.call("DeleteMedia", FileId=metropolis,
                  DeleteParts=[{"Type": "TranscodeFiles", "Definition": 230}])
        equal(self.search(FileIds=[metropolis])[0], 1, "a file without parts that it never had")
        self.call("DeleteMedia", FileId=metropolis)
        refused("ResourceNotFound", lambda: self.call("DeleteMedia", FileId=metropolis))
        equal(self.search(FileIds=[metropolis]), (0, []), "the deleted file")
        after = self.call("DescribeStorageData")
        equal(after.MediaCount, 2, "media")
        equal(sum(stat.TotalStorage for stat in after.StorageStat), after.TotalStorage, "areas")
        equal(before.TotalStorage - after.TotalStorage, after.TotalStorage // 2 + len(PNG),
              "bytes of the file and its cover")
        self.call("DeleteClass", ClassId=old)
        refused("InvalidParameterValue.ClassId", lambda: self.call("DeleteClass", ClassId=old))

    def files(self):
        """Files by path, as a bucket lists them."""
        app = self.setup.path_app
        for path in ["/a.mp4", "/b/c.mp4", "/b/d.mp4"]:
            self.upload(app, MediaStoragePath=path)
        page = self.call("ListFiles", app, MaxKeys=1)
        equal((page.IsTruncated, page.NextMarker), (True, "a.mp4"), "the first page")
        file = page.Contents[0]
        equal((file.Key, file.Category, file.FileType), ("a.mp4", "Video", "OriginalFiles"), "a file")
        check(file.ETag.startswith('"'), f"the ETag is not quoted: {file.ETag}")
        rest = self.call("ListFiles", app, Marker=page.NextMarker)
        equal([file.Key for file in rest.Contents], ["b/c.mp4", "b/d.mp4"], "the second page")
        top = self.call("ListFiles", app, Delimiter="/")
        equal((top.CommonPrefixes, len(top.Contents)), (["b/"], 1), "the top")
        refused("FailedOperation", lambda: self.call("ListFiles"))


def main():
    """The round."""
    story = Round(read_setup())
    films, old = story.classes()
    metropolis, url = story.upload(MediaName="first")
    others = [story.upload(MediaName=name)[0] for name in ("second", "third")]
    story.modify(metropolis, old)
    story.attach(metropolis)
    story.searches(metropolis, others, films)
    story.forbid(metropolis, url)
    story.delete(metropolis, old)
    story.files()
    step("done")


main()
