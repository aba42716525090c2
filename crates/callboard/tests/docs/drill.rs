//! Drills the receivers of docs/receivers.md and docs/guide.md, and variants of them that were broken
//! by one edit each: the pages' pass, and each variant fails at its fault and nowhere else.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use model::EventKind;
use serde_json::Value;

use crate::markdown::{blocks, page};
use crate::stage::{Running, Stage, free_port};

const SIGN_KEY: &str = "--sign-key a1b2c3";
const BOTH_KEYS: &str = "--sign-key a1b2c3 --signing-secret whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const ENVIRONMENT: &str =
    "env SIGN_KEY=a1b2c3 SIGNING_SECRET=whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

/// A receiver of the pages.
#[derive(Clone, Copy)]
struct Source {
    page: &'static str,
    file: &'static str,
    /// The port that it has on the page.
    port: &'static str,
    /// What makes it ready to be started.
    build: &'static str,
    start: &'static str,
    keys: &'static str,
}

const PYTHON: Source = Source {
    page: "receivers.md",
    file: "receiver.py",
    port: "9000",
    build: "true",
    start: "python receiver.py",
    keys: BOTH_KEYS,
};
const NODE: Source =
    Source { file: "receiver.js", port: "9001", start: "node receiver.js", ..PYTHON };
const GO: Source = Source {
    file: "receiver.go",
    port: "9003",
    build: "go build -o receiver receiver.go",
    start: "./receiver",
    ..PYTHON
};
const GUIDE_PYTHON: Source = Source { page: "guide.md", keys: SIGN_KEY, ..PYTHON };
const GUIDE_NODE: Source = Source { page: "guide.md", keys: SIGN_KEY, ..NODE };

impl Source {
    fn text(self) -> String {
        let mark = format!("file={}", self.file);
        let mut blocks = blocks(&page(self.page)).into_iter();
        blocks.find(|block| block.mark == mark).unwrap().text
    }
}

/// A receiver that runs, and its port.
struct Drilled {
    source: Source,
    stage: Stage,
    port: String,
    _running: Running,
}

impl Drilled {
    /// Starts the page's receiver with one edit.
    async fn start(source: Source, (from, to): (&str, &str)) -> Self {
        let (stage, port) = (Stage::set().await, free_port().await);
        let text = source.text();
        assert!(text.contains(from), "the page's receiver has no more `{from}`");
        let text = text.replacen(from, to, 1).replace(source.port, &port);
        stage.write(source.file, &text);
        stage.run(source.build).await;
        let running = stage.start(&format!("{ENVIRONMENT} {}", source.start));
        // a connection and no request: a broken receiver may not live through one
        let connect = format!("(exec 3<>/dev/tcp/127.0.0.1/{port}) 2>/dev/null");
        stage.run(&format!("until {connect}; do sleep 0.05; done")).await;
        Self { source, stage, port, _running: running }
    }

    /// The report, and whether the exit code says that all is right.
    async fn drill(&self, more: &str) -> (Value, bool) {
        let script = format!(
            "callboard drill http://127.0.0.1:{}/vod {} {more} --json >report.json \
             2>words.txt && echo 0 || echo $?; cat report.json",
            self.port, self.source.keys
        );
        let printed = self.stage.run(&script).await;
        let (code, report) = printed.split_once('\n').unwrap();
        assert!(["0", "1"].contains(&code), "exit code {code}");
        (serde_json::from_str(report).unwrap(), code == "0")
    }
}

/// The names of the cases with that verdict.
fn cases(report: &Value, verdict: &str) -> BTreeSet<String> {
    let cases = report["Cases"].as_array().unwrap().iter();
    let cases = cases.filter(|case| case["Verdict"] == verdict);
    cases.map(|case| case["Name"].as_str().unwrap().to_owned()).collect()
}

/// All is tried and all is right, but for cases of groups that need a key which is not given.
async fn passes(source: Source, skipped: &[&str]) {
    let drilled = Drilled::start(source, ("", "")).await;
    let (report, right) = drilled.drill("").await;
    assert_eq!(cases(&report, "fail"), BTreeSet::new(), "{report:#}");
    let skip = cases(&report, "skip");
    assert!(
        skip.iter().all(|name| skipped.iter().any(|group| name.starts_with(group))),
        "{skip:?}"
    );
    assert!(right && report["Verdict"] == "pass");
    assert!(cases(&report, "pass").len() > 37 + 25);
    assert_eq!(cases(&report, "pass").iter().filter(|name| name.starts_with("type/")).count(), 37);
}

#[tokio::test]
async fn the_python_receiver_passes() {
    passes(PYTHON, &[]).await;
}

#[tokio::test]
async fn the_node_receiver_passes() {
    passes(NODE, &[]).await;
}

#[tokio::test]
async fn the_go_receiver_passes() {
    passes(GO, &[]).await;
}

#[tokio::test]
async fn the_receivers_of_the_guide_pass() {
    passes(GUIDE_PYTHON, &["webhook/"]).await;
    passes(GUIDE_NODE, &["webhook/"]).await;
}

/// Whether a page of docs/ has the heading that a link leads to.
fn there_is(link: &str) -> bool {
    let (file, anchor) = link.strip_prefix("docs/").unwrap().split_once('#').unwrap();
    let slug = |line: &str| line.trim_start_matches('#').trim().to_lowercase().replace(' ', "-");
    page(file).lines().any(|line| line.starts_with("##") && slug(line) == anchor)
}

/// A fault, the edit that makes it, and the cases that find it (a group when it ends with a slash).
struct Fault {
    name: &'static str,
    source: Source,
    edit: (&'static str, &'static str),
    options: &'static str,
    found: &'static [&'static str],
}

impl Fault {
    async fn is_found(&self) {
        let drilled = Drilled::start(self.source, self.edit).await;
        let (report, right) = drilled.drill(self.options).await;
        let failed = cases(&report, "fail");
        let expected = |name: &String| {
            self.found
                .iter()
                .any(|found| name == found || (found.ends_with('/') && name.starts_with(found)))
        };
        let name = self.name;
        assert!(failed.iter().all(expected), "{name}: it failed {failed:?}");
        for found in self.found {
            assert!(failed.iter().any(|name| name.starts_with(found)), "{name}: not at {found}");
        }
        assert!(!right && report["Verdict"] == "fail", "{name}");
        for case in report["Cases"].as_array().unwrap().iter().filter(|c| c["Verdict"] == "fail") {
            let (reason, hint) = (case["Reason"].as_str().unwrap(), case["Hint"].as_str().unwrap());
            assert!(!reason.is_empty() && !hint.is_empty(), "{name}: {case:#}");
            let more = case["More"].as_str().unwrap();
            assert!(there_is(more), "{name}: nothing is at {more}");
        }
    }
}

/// Once the receiver is gone nothing else is tried, and that is said.
#[tokio::test]
async fn a_receiver_that_is_gone_is_said_to_be() {
    let edit = ("    } catch {", "    } catch (error) {\n      throw error;");
    let drilled = Drilled::start(GUIDE_NODE, edit).await;
    let (report, right) = drilled.drill("--only sending/cut-off --only broken").await;
    assert!(!right);
    assert_eq!(cases(&report, "fail"), BTreeSet::from(["sending/cut-off".to_owned()]));
    assert_eq!(cases(&report, "skip").len(), 5, "{report:#}");
    let all = report["Cases"].as_array().unwrap();
    let last = all.last().unwrap()["Reason"].as_str().unwrap();
    assert!(last.contains("the receiver was gone after sending/cut-off"), "{last}");
}

async fn all_found(faults: &[Fault]) {
    for fault in faults {
        fault.is_found().await;
    }
}

#[tokio::test]
async fn faults_of_signatures_are_found() {
    let python = |name, edit, found| Fault { name, source: PYTHON, edit, options: "", found };
    all_found(&[
        python(
            "Sign is not checked",
            (" and sign_is_right(event) else None", " else None"),
            &[
                "sign/missing",
                "sign/without-sign",
                "sign/without-t",
                "sign/wrong",
                "sign/empty",
                "sign/no-text",
                "sign/other-key",
                "sign/other-t",
                "sign/expired",
            ],
        ),
        python("T is not looked at", (" or t < time.time()", ""), &["sign/expired"]),
        python(
            "Sign is checked if it is there",
            (
                "    if not isinstance(t, int)",
                "    if sign is None:\n        return True\n    if not isinstance(t, int)",
            ),
            &["sign/missing", "sign/without-sign"],
        ),
        python(
            "Webhook-Signature is not checked",
            ("WEBHOOK.verify(body, headers)", "__import__(\"json\").loads(body)"),
            &[
                "webhook/missing",
                "webhook/changed-body",
                "webhook/other-secret",
                "webhook/other-id",
                "webhook/old",
                "webhook/ahead",
            ],
        ),
        python(
            "the whole header is compared",
            (
                "event = WEBHOOK.verify(body, headers)",
                "event = WEBHOOK.verify(body, headers)\n        \
                 if \" \" in headers[\"webhook-signature\"]:\n            return None",
            ),
            &["webhook/rotation"],
        ),
    ])
    .await;
}

/// A table of handlers that has every type there is, and is trusted to have every type to come.
static HANDLERS: LazyLock<String> = LazyLock::new(|| {
    let names: Vec<_> = EventKind::ALL.iter().map(|kind| format!("{:?}", kind.name())).collect();
    format!(
        "            dict.fromkeys([{}], print)[event[\"EventType\"]]\n            print(\"got\"",
        names.join(", ")
    )
});

#[tokio::test]
async fn faults_of_content_are_found() {
    let got = "            print(\"got\"";
    let python = |name, line: &'static str, found| Fault {
        name,
        source: PYTHON,
        edit: (got, line),
        options: "",
        found,
    };
    all_found(&[
        python(
            "only one type is accepted",
            "            if event[\"EventType\"] != \"NewFileUpload\":\n                \
             return self.answer(400)\n            print(\"got\"",
            &["type/", "content/unknown-type"],
        ),
        python(
            "unknown members are refused",
            "            known = {\"FileId\", \"MediaBasicInfo\", \"MetaData\", \"ProcedureTaskId\", \
             \"ReviewAudioVideoTaskId\"}\n            \
             if set(event.get(\"FileUploadEvent\") or {}) - known:\n                \
             return self.answer(400)\n            print(\"got\"",
            &["content/unknown-members"],
        ),
        python(
            "every member is taken for an object",
            "            for name, value in event.items():\n                \
             name in (\"EventType\", \"T\", \"Sign\") or value.get(\"FileId\")\n            \
             print(\"got\"",
            &["content/unused-null", "content/unknown-members"],
        ),
        python(
            "a member that may be null is gone into",
            "            if event[\"EventType\"] == \"NewFileUpload\":\n                \
             len(event[\"FileUploadEvent\"][\"MediaBasicInfo\"][\"Name\"])\n            \
             print(\"got\"",
            &["content/nulls"],
        ),
        python(
            "every type must have a handler",
            HANDLERS.as_str(),
            &["content/unknown-type"],
        ),
        python(
            "a repeat is an error",
            "            if self.headers[\"Webhook-Id\"] in WEBHOOK.__dict__:\n                \
             return self.answer(500)\n            \
             WEBHOOK.__dict__[self.headers[\"Webhook-Id\"]] = 1\n            print(\"got\"",
            &["repeat/duplicate", "repeat/replay"],
        ),
        python(
            "a file must be known before it is deleted",
            "            files = WEBHOOK.__dict__.setdefault(\"files\", set())\n            \
             deleted = (event.get(\"FileDeleteEvent\") or {}).get(\"FileIdSet\", [])\n            \
             if not files.issuperset(deleted):\n                \
             return self.answer(404)\n            \
             members = [m for m in event.values() if isinstance(m, dict)]\n            \
             files.update(m[\"FileId\"] for m in members if \"FileId\" in m)\n            \
             print(\"got\"",
            &["order/deleted-first"],
        ),
    ])
    .await;
}

#[tokio::test]
async fn faults_of_answers_are_found() {
    let answer = "        self.answer(204 if event else 401)";
    let python = |name, line: &'static str, options, found| Fault {
        name,
        source: PYTHON,
        edit: (answer, line),
        options,
        found,
    };
    all_found(&[
        python(
            "it redirects",
            "        self.answer(302 if event else 401)",
            "",
            &["ground/no-redirect"],
        ),
        python(
            "it works first and answers later",
            "        time.sleep(2)\n        self.answer(204 if event else 401)",
            "--timeout 1s",
            &["ground/in-time"],
        ),
        python("it refuses everything", "        self.answer(401)", "", &["ground/accepted"]),
        python(
            "it accepts everything",
            "        self.answer(204)",
            "",
            &["sign/", "webhook/", "broken/"],
        ),
    ])
    .await;
}

#[tokio::test]
async fn faults_of_reading_are_found() {
    let length = ("        if length is None:\n            return self.answer(411)\n", "");
    let assumed = Fault {
        name: "there must be a length",
        source: PYTHON,
        edit: length,
        options: "",
        found: &["sending/chunked", "broken/empty"],
    };
    assumed.is_found().await;
    let unforeseen = Fault {
        name: "an error of reading ends the program",
        source: GUIDE_NODE,
        edit: ("    } catch {", "    } catch (error) {\n      throw error;"),
        options: "",
        found: &["sending/cut-off"],
    };
    unforeseen.is_found().await;
    let node = |name, edit, found| Fault { name, source: NODE, edit, options: "", found };
    all_found(&[
        node(
            "only the first piece is read",
            ("request.on(\"data\"", "request.on(\"end\", () => {}).resume().once(\"data\""),
            &["sending/slow", "sending/chunked", "content/large"],
        ),
        node(
            "bodies are limited to 100 KiB",
            (
                "    request.on(\"end\", () => {",
                "    request.on(\"end\", () => {\n      \
                 if (Buffer.concat(chunks).length > 102400) return response.writeHead(413).end();",
            ),
            &["content/large"],
        ),
        node(
            "bytes are taken for Latin-1",
            ("Buffer.concat(chunks)", "Buffer.concat(chunks).toString(\"latin1\")"),
            &["content/non-ascii", "type/ProcedureStateChanged"],
        ),
        node(
            "what is no JSON ends the program",
            (
                "  } catch {\n    return null;",
                "  } catch (error) {\n    if (error instanceof SyntaxError) process.exit(1);\n    \
                 return null;",
            ),
            &["broken/"],
        ),
    ])
    .await;
}

#[tokio::test]
async fn without_keys_signatures_are_left_out_and_nobody_there_is_said() {
    let drilled = Drilled::start(
        PYTHON,
        (
            "event = genuine(self.rfile.read(int(length)), dict(self.headers))",
            "event = \
          __import__(\"json\").loads(self.rfile.read(int(length)))",
        ),
    )
    .await;
    let port = &drilled.port;
    let script = format!("callboard drill http://127.0.0.1:{port}/vod --only sign --only webhook");
    let printed = drilled.stage.run(&script).await;
    assert!(
        printed.contains("no --sign-key") && printed.contains("no --signing-secret"),
        "{printed}"
    );
    assert!(printed.contains("skip  sign/wrong"), "{printed}");
    let nobody = free_port().await;
    for (arguments, code) in [
        (format!("http://127.0.0.1:{nobody}/vod"), "74"),
        ("ftp://127.0.0.1/".to_owned(), "64"),
        (format!("http://127.0.0.1:{port}/vod --only nonsense"), "64"),
        (String::new(), "64"),
    ] {
        let script = format!("callboard drill {arguments} 2>words.txt || echo $?");
        assert_eq!(drilled.stage.run(&script).await.trim(), code, "{arguments}");
    }
}
