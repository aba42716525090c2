"""The documented "upload by API": ApplyUpload, the COS SDK, CommitUpload.

The COS SDK is the official one, unchanged: only its CosConfig says where the server is. It can say
so in two ways, and both are used: IP and Port (the request's Host is that address) and Domain.
"""

import os
import tempfile

from qcloud_cos import CosConfig, CosS3Client

from stage import check, equal, read


def cos_client(setup, certificate, region, mode):
    """A COS client with an upload's temporary keys; `mode` is "ip" or "domain"."""
    host, port = setup.endpoint.split(":")
    where = {"ip": {"IP": host, "Port": int(port)}, "domain": {"Domain": setup.endpoint}}[mode]
    config = CosConfig(
        Region=region,
        SecretId=certificate["SecretId"],
        SecretKey=certificate["SecretKey"],
        Token=certificate["Token"],
        Scheme="https" if setup.ca else "http",
        VerifySSL=setup.ca,
        **where,
    )
    return CosS3Client(config, retry=0)


def upload(setup, applied, path, mode):
    """Puts a file where an ApplyUpload answer (as a dict) says. Returns the client and the key."""
    check(applied["MediaStoragePath"].startswith("/"), "MediaStoragePath must start with a slash")
    client = cos_client(setup, applied["TempCertificate"], applied["StorageRegion"], mode)
    key = applied["MediaStoragePath"][1:]
    # At most 1 MiB goes as one PUT, more as parts of 1 MiB by five threads at once.
    answer = client.upload_file(Bucket=applied["StorageBucket"], Key=key, LocalFilePath=path)
    # The SDK hands out the headers as a plain dict: their names must be spelled as COS spells them.
    check(answer["ETag"].startswith('"'), f"the ETag must be quoted: {answer['ETag']}")
    # only the answer to parts that became one object has a Location
    scheme = "https" if setup.ca else "http"
    check(answer.get("Location", f"{scheme}://").startswith(f"{scheme}://"),
          f"Location: {answer.get('Location')}")
    return client, key


def same_object(client, bucket, key, data):
    """Checks an object by HEAD, by GET, by a range, and by the SDK's own download in parts."""
    head = client.head_object(Bucket=bucket, Key=key)
    equal(int(head["Content-Length"]), len(data), "length of the object by HEAD")
    whole = client.get_object(Bucket=bucket, Key=key)["Body"].get_raw_stream().read()
    check(whole == data, "the object is not what was uploaded")
    first, last = len(data) // 2, len(data) // 2 + 999
    part = client.get_object(Bucket=bucket, Key=key, Range=f"bytes={first}-{last}")
    equal(part["Content-Length"], "1000", "length of a range")
    check(part["Body"].get_raw_stream().read() == data[first:last + 1],
          "a range of the object is not what was uploaded")
    with tempfile.TemporaryDirectory() as directory:
        path = os.path.join(directory, "down")
        client.download_file(Bucket=bucket, Key=key, DestFilePath=path, PartSize=5,
                             DumpRecordDir=directory)
        check(read(path) == data, "the downloaded file is not what was uploaded")
