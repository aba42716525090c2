"""Files named by path, with tencentcloud-sdk-python-vod and cos-python-sdk-v5.

An application of mode `fileid+path`: a film with a name that needs escaping and a cover beside it, in
one PUT and in parts; a playlist with its segments; a path that is taken; what the addresses answer,
and what is left after a deletion.
"""

import json

import requests
from tencentcloud.common.credential import Credential
from tencentcloud.common.profile.client_profile import ClientProfile
from tencentcloud.common.profile.http_profile import HttpProfile
from tencentcloud.vod.v20180717 import models
from tencentcloud.vod.v20180717.vod_client import VodClient

from cos_upload import cos_client, same_object, upload
from stage import check, equal, padded_clip, read, read_setup, refused, step, temporary_file

FILM = "/电影/a b+c&d=1#2%25;.mp4"
PLAYLIST = "#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\npart/1 a.ts\n#EXT-X-ENDLIST\n"


class Story:
    """The clients of the story."""

    def __init__(self, setup):
        http = HttpProfile(protocol="http", endpoint=setup.endpoint, reqTimeout=20)
        credential = Credential(setup.secret_id, setup.secret_key)
        self.setup = setup
        self.client = VodClient(credential, "ap-guangzhou", ClientProfile(httpProfile=http))
        self.app = None

    def call(self, action, **members):
        """An action with the classes of the SDK."""
        request = getattr(models, f"{action}Request")()
        if self.app is not None and hasattr(request, "SubAppId"):
            request.SubAppId = self.app
        for name, value in members.items():
            check(hasattr(request, name), f"{action} has no member {name}")
            setattr(request, name, value)
        return getattr(self.client, action)(request)

    def create(self):
        """The application, and how it is shown."""
        refused("InvalidParameterValue",
                lambda: self.call("CreateSubAppId", Name="paths", Mode="fileid+path"))
        made = self.call("CreateSubAppId", Name="paths", Mode="fileid+path",
                         StorageRegion="ap-chongqing")
        self.app = made.SubAppId
        shown = self.call("DescribeSubAppIds", Name="paths").SubAppIdInfoSet[0]
        equal((shown.Mode, shown.StorageRegions), ("fileid+path", ["ap-chongqing"]), "application")

    def apply(self, path, **members):
        """ApplyUpload to a path, as a dict."""
        applied = self.call("ApplyUpload", MediaType=path.rsplit(".", 1)[1], MediaStoragePath=path,
                            **members)
        equal(applied.MediaStoragePath, path, "MediaStoragePath")
        equal(applied.StorageRegion, "ap-chongqing", "StorageRegion")
        return json.loads(applied.to_json_string())

    def commit(self, applied):
        """CommitUpload."""
        return self.call("CommitUpload", VodSessionKey=applied["VodSessionKey"])

    def film(self, path, data, mode):
        """A film with a cover, up and down; its FileId and MediaUrl."""
        applied = self.apply(path, CoverType="png")
        directory = path.rsplit("/", 1)[0]
        check(applied["CoverStoragePath"].startswith(f"{directory}/"), "the cover lies beside it")
        refused("InvalidParameterValue.MediaStoragePath", lambda: self.apply(path))
        with temporary_file(data) as file:
            client, key = upload(self.setup, applied, file.name, mode)
        same_object(client, applied["StorageBucket"], key, data)
        client.put_object(Bucket=applied["StorageBucket"], Body=b"cover",
                          Key=applied["CoverStoragePath"][1:])
        committed = self.commit(applied)
        check(requests.get(committed.MediaUrl, timeout=20).content == data, "MediaUrl")
        equal(requests.get(committed.CoverUrl, timeout=20).content, b"cover", "CoverUrl")
        info = self.call("DescribeMediaInfos", FileIds=[committed.FileId]).MediaInfoSet[0]
        equal(info.BasicInfo.StoragePath, path, "StoragePath")
        equal(info.BasicInfo.MediaUrl, committed.MediaUrl, "MediaUrl")
        return committed.FileId, committed.MediaUrl

    def playlist(self):
        """A playlist with its segments under its directory."""
        applied = self.apply("/hls/index.m3u8")
        client = cos_client(self.setup, applied["TempCertificate"], applied["StorageRegion"], "ip")
        for key, body in (("hls/index.m3u8", PLAYLIST), ("hls/part/1 a.ts", "segment")):
            client.put_object(Bucket=applied["StorageBucket"], Key=key, Body=body.encode())
        url = self.commit(applied).MediaUrl
        equal(requests.get(url, timeout=20).text, PLAYLIST, "the playlist")
        segment = requests.compat.urljoin(url, "part/1 a.ts")
        equal(requests.get(segment, timeout=20).text, "segment", "the segment")


def main():
    """The story."""
    setup = read_setup()
    story = Story(setup)
    story.create()
    file_id, url = story.film(FILM, read(setup.clip), "ip")
    story.film("/films/large.mp4", padded_clip(setup.clip, 3 * 1024 * 1024 + 17), "domain")
    story.playlist()
    story.call("DeleteMedia", FileId=file_id)
    equal(requests.get(url, timeout=20).status_code, 404, "status after the deletion")
    story.film(FILM, read(setup.clip), "domain")
    step("done")


main()
