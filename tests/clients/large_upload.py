"""A large upload with cos-python-sdk-v5, in parts and as one PUT, and the way back.

The setup says how large (`mib`). The test watches the server's memory meanwhile.
"""

import hashlib
import json
import tempfile

import requests
from tencentcloud.common.credential import Credential
from tencentcloud.common.profile.client_profile import ClientProfile
from tencentcloud.common.profile.http_profile import HttpProfile
from tencentcloud.vod.v20180717 import models
from tencentcloud.vod.v20180717.vod_client import VodClient

from cos_upload import cos_client
from stage import check, equal, read, read_setup, step

MIB = 1024 * 1024
# COS takes at most 5 GB in one PUT; this is enough to see memory grow.
PUT_MIB_MAX = 1024


def write_media(clip, mib):
    """A valid MP4 of that size on disk, no two MiB of it alike; the open file and its SHA-256."""
    media = read(clip)
    size = mib * MIB
    # A 64-bit box length, because a `free` box may be longer than 4 GiB.
    head = media + (1).to_bytes(4, "big") + b"free" + (size - len(media)).to_bytes(8, "big")
    file = tempfile.NamedTemporaryFile(suffix=".mp4")
    digest = hashlib.sha256()

    def write(data):
        digest.update(data)
        file.write(data)

    filler = hashlib.sha256(head).digest() * (MIB // 32)
    write(head)
    for number in range(1, mib):
        write(number.to_bytes(8, "big") + filler[8:])
    write(filler[:size - file.tell()])
    file.flush()
    equal(file.tell(), size, "size of the file")
    return file, digest.hexdigest()


def main():
    """Both ways up, one way down."""
    setup = read_setup()
    http = HttpProfile(protocol="http", endpoint=setup.endpoint, reqTimeout=600)
    vod = VodClient(Credential(setup.secret_id, setup.secret_key), "ap-guangzhou",
                    ClientProfile(httpProfile=http))
    for way in ("parts", "put"):
        mib = setup.mib if way == "parts" else min(setup.mib, PUT_MIB_MAX)
        file, digest = write_media(setup.clip, mib)
        request = models.ApplyUploadRequest()
        request.MediaType = "mp4"
        request.MediaName = way
        applied = json.loads(vod.ApplyUpload(request).to_json_string())
        cos = cos_client(setup, applied["TempCertificate"], applied["StorageRegion"], "ip")
        place = {"Bucket": applied["StorageBucket"], "Key": applied["MediaStoragePath"][1:]}
        if way == "parts":
            cos.upload_file(LocalFilePath=file.name, PartSize=16, MAXThread=4, **place)
        else:
            with open(file.name, "rb") as body:
                cos.put_object(Body=body, **place)
        request = models.CommitUploadRequest()
        request.VodSessionKey = applied["VodSessionKey"]
        committed = vod.CommitUpload(request)
        step(f"committed {way}", mib=mib)

        request = models.DescribeMediaInfosRequest()
        request.FileIds = [committed.FileId]
        (info,) = vod.DescribeMediaInfos(request).MediaInfoSet
        equal(info.MetaData.Size, mib * MIB, "size in MetaData")
        check(1.9 < info.MetaData.Duration < 2.2, f"duration: {info.MetaData.Duration}")
        down = hashlib.sha256()
        with requests.get(committed.MediaUrl, stream=True, timeout=600) as answer:
            for data in answer.iter_content(MIB):
                down.update(data)
        equal(down.hexdigest(), digest, f"SHA-256 of what came back of the {way} upload")
        file.close()
        step(f"fetched {way}")
    step("done")


main()
