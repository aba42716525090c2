"""PullUpload, DescribeTaskDetail and DescribeTasks with tencentcloud-sdk-python-vod.

The setup says where a film and its cover are (`film`, `cover`), and where nothing is (`nothing`).
"""

import requests
from tencentcloud.common.credential import Credential
from tencentcloud.common.profile.client_profile import ClientProfile
from tencentcloud.common.profile.http_profile import HttpProfile
from tencentcloud.vod.v20180717 import models
from tencentcloud.vod.v20180717.vod_client import VodClient

from stage import check, equal, read, read_setup, refused, step, until


class Pulls:
    """The SDK's client with the application of the setup."""

    def __init__(self, setup):
        http = HttpProfile(protocol="http", endpoint=setup.endpoint, reqTimeout=20)
        credential = Credential(setup.secret_id, setup.secret_key)
        self.client = VodClient(credential, "", ClientProfile(httpProfile=http))

    def call(self, action, **members):
        """An action with the classes of the SDK."""
        request = getattr(models, f"{action}Request")()
        for name, value in members.items():
            check(hasattr(request, name), f"{action} has no member {name}")
            setattr(request, name, value)
        return getattr(self.client, action)(request)

    def ended(self, task):
        """The detail of a task once it has ended."""
        def detail():
            answer = self.call("DescribeTaskDetail", TaskId=task)
            check(answer.Status in ("WAITING", "PROCESSING", "FINISH"), answer.Status)
            equal(answer.TaskType, "PullUpload", "type")
            return answer if answer.Status == "FINISH" else None
        return until(f"the end of {task}", detail)


def main():
    setup = read_setup()
    pulls = Pulls(setup)
    pulls.call("ModifyEventConfig", Mode="PULL")

    asked = {"MediaUrl": setup.film, "CoverUrl": setup.cover, "MediaName": "a film",
             "SessionId": "once", "SessionContext": "context", "SourceContext": "source"}
    task = pulls.call("PullUpload", **asked).TaskId
    refused("InvalidParameterValue.SessionId", lambda: pulls.call("PullUpload", **asked))
    refused("InvalidParameterValue.MediaUrl",
            lambda: pulls.call("PullUpload", MediaUrl="http://10.0.0.1/a.mp4"))
    detail = pulls.ended(task)
    pulled = detail.PullUploadTask
    equal((pulled.ErrCode, pulled.Message, pulled.Progress), (0, "SUCCESS", 100), "outcome")
    equal((pulled.SessionId, pulled.SessionContext), ("once", "context"), "what was sent along")
    equal(pulled.MediaBasicInfo.Name, "a film", "name")
    equal(pulled.MediaBasicInfo.SourceInfo.SourceContext, "source", "SourceContext")
    equal(pulled.MetaData.Size, len(read(setup.clip)), "size")
    check(pulled.MetaData.Duration > 0, "a duration")
    check(detail.CreateTime <= detail.BeginProcessTime <= detail.FinishTime, "times in order")
    equal(detail.ProcedureTask, None, "the tasks of other types")
    equal(requests.get(pulled.FileUrl, timeout=20).content, read(setup.clip), "the file")
    equal(requests.get(pulled.MediaBasicInfo.CoverUrl, timeout=20).status_code, 200, "the cover")

    gone = pulls.call("PullUpload", MediaUrl=setup.nothing).TaskId
    failed = pulls.ended(gone).PullUploadTask
    equal((failed.ErrCode, failed.FileId, failed.FileUrl), (40000, "", ""), "a pull of nothing")
    check("404" in failed.Message, failed.Message)

    newest = pulls.call("DescribeTasks", Limit=1)
    equal([row.TaskId for row in newest.TaskSet], [gone], "the newest first")
    rest = pulls.call("DescribeTasks", Limit=1, ScrollToken=newest.ScrollToken)
    equal(([row.TaskId for row in rest.TaskSet], rest.ScrollToken), ([task], ""), "the last page")
    own = pulls.call("DescribeTasks", FileId=pulled.FileId, Status="FINISH")
    equal([row.FileId for row in own.TaskSet], [pulled.FileId], "by FileId")

    events = pulls.call("PullEvents").EventSet
    equal([event.EventType for event in events], ["PullComplete"] * 2, "events")
    told = {event.PullCompleteEvent.TaskId: event.PullCompleteEvent for event in events}
    equal(told[task]._serialize(), pulled._serialize(), "what the event tells")
    equal(told[gone].ErrCode, 40000, "the event of the failure")
    step("done")


main()
