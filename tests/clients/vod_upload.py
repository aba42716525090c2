"""Uploads with vod-python-sdk, which knows only the hosts of the cloud: to be run by `callboard run`.

The setup line says which files (`files`); each is uploaded by the SDK's own call.
"""

import os

from qcloud_vod.model import VodUploadRequest
from qcloud_vod.vod_upload_client import VodUploadClient

from stage import check, read_setup, step


def main():
    """One upload after the other."""
    setup = read_setup()
    check("callboard-run" in os.environ["PYTHONPATH"], "this is to be run by callboard run")
    client = VodUploadClient(setup.secret_id, setup.secret_key)
    for path in setup.files:
        request = VodUploadRequest()
        request.MediaFilePath = path
        request.SourceContext = "unmodified"
        answer = client.upload("ap-guangzhou", request)
        step("uploaded", file_id=answer.FileId, media_url=answer.MediaUrl)
    step("done")


main()
