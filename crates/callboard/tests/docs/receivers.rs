//! Does what docs/receivers.md says, then puts its receivers to the proof: a real callback is handed
//! to each of them as it came, and then changed.
//!
//! Java is not among the programs that the tests install; where it is not there, its part is left
//! out, and said so.

use std::time::Duration;

use testkit::receiver::{Received, Receiver};

use crate::guide::follow;
use crate::stage::Stage;

const DEADLINE: Duration = Duration::from_mins(1);
const PUBLISH: &str =
    r#"callboard publish --type FileDeleted <<< '{"FileIdSet": ["1000000000000000001"]}'"#;

/// The ports of the page's receivers, by their names there.
const RECEIVERS: [(&str, &str); 4] =
    [("python", "9000"), ("node", "9001"), ("java", "9002"), ("go", "9003")];

struct Proof {
    stage: Stage,
    receiver: Receiver,
    java: bool,
}

impl Proof {
    /// The next genuine callback.
    async fn callback(&self) -> Received {
        let count = self.receiver.received().len();
        self.stage.run(PUBLISH).await;
        let all = self.receiver.wait_for(count + 1, DEADLINE).await.unwrap();
        all[count].clone()
    }

    /// What each receiver answers to that.
    async fn answers(&self, callback: &Received) -> Vec<String> {
        let body = String::from_utf8(callback.body.to_vec()).unwrap();
        self.stage.write("body.json", &body);
        let mut answers = Vec::new();
        for (name, port) in RECEIVERS {
            if name == "java" && !self.java {
                continue;
            }
            let headers: Vec<String> = ["Webhook-Id", "Webhook-Timestamp", "Webhook-Signature"]
                .map(|header| format!("-H '{header}: {}'", callback.header(header)))
                .into();
            let script = format!(
                "curl -s -o answer -w '%{{http_code}}' --data-binary @body.json {} \
                 http://127.0.0.1:{port}/vod",
                headers.join(" "),
            );
            answers.push(self.stage.run(&script).await);
        }
        answers
    }

    async fn all_answer(&self, status: &str, callback: &Received, why: &str) {
        let answers = self.answers(callback).await;
        assert!(answers.iter().all(|answer| answer == status), "{why}: {answers:?}");
        assert!(answers.len() >= 3);
    }

    async fn secret(&self) -> String {
        let made = self.stage.run("callboard apps secrets create").await;
        serde_json::from_str::<serde_json::Value>(&made).unwrap()["Secret"].to_string()
    }

    async fn ids(&self) -> Vec<String> {
        let listed = self.stage.run("callboard apps secrets list").await;
        let id = |line: &str| {
            let secret: serde_json::Value = serde_json::from_str(line).unwrap();
            secret["SigningSecretId"].as_str().unwrap().to_owned()
        };
        listed.lines().map(id).collect()
    }
}

fn with_header(callback: &Received, name: &'static str, value: &str) -> Received {
    let mut changed = callback.clone();
    changed.headers.insert(name, value.parse().unwrap());
    changed
}

#[tokio::test]
async fn the_receivers_know_what_is_genuine() {
    let stage = Stage::set().await;
    let java = !stage.run("command -v java || true").await.is_empty();
    if !java {
        eprintln!("java is not there: its receiver is not run");
    }
    let skip = |mark: &str| !java && mark.to_ascii_lowercase().ends_with("java");
    let (_running, done) = follow("receivers.md", &stage, skip).await;
    assert!(done >= 10, "only {done} blocks of the page are marked");
    let proof = Proof { stage, receiver: Receiver::start().await.unwrap(), java };
    let configure = format!("callboard apps configure --url {}", proof.receiver.url("/vod"));
    proof.stage.run(&configure).await;

    let genuine = proof.callback().await;
    proof.all_answer("204", &genuine, "as it came").await;
    if java {
        sign_in_java(&proof.stage, &genuine).await;
    }
    let body = String::from_utf8(genuine.body.to_vec()).unwrap();
    let changed = body.replace("1000000000000000001", "1000000000000000002");
    assert_ne!(changed, body);
    let changed = Received { body: changed.into(), ..genuine.clone() };
    proof.all_answer("401", &changed, "another body").await;
    let changed = with_header(&genuine, "webhook-id", "another");
    proof.all_answer("401", &changed, "another id").await;
    let t: i64 = genuine.header("webhook-timestamp").parse().unwrap();
    let changed = with_header(&genuine, "webhook-timestamp", &(t - 1).to_string());
    proof.all_answer("401", &changed, "another time").await;
    let changed = with_header(&genuine, "webhook-signature", "nonsense");
    proof.all_answer("401", &changed, "no signature").await;

    // a rotation: the receivers still have the old secret
    let new = proof.secret().await;
    let both = proof.callback().await;
    assert_eq!(both.header("webhook-signature").split(' ').count(), 2);
    proof.all_answer("204", &both, "with both signatures").await;
    let ids = proof.ids().await;
    assert_eq!(ids.len(), 2);
    proof.stage.run(&format!("callboard apps secrets delete {}", ids[1])).await;
    let only_new = proof.callback().await;
    proof.all_answer("401", &only_new, "signed with a secret that they do not have").await;
    let secret = sign::webhook::SigningSecret::parse(new.trim_matches('"')).unwrap();
    let (id, t) = (only_new.header("webhook-id"), only_new.header("webhook-timestamp"));
    let signature = only_new.header("webhook-signature");
    let t = t.parse().unwrap();
    assert!(sign::webhook::verify(&secret, id, t, &only_new.body, signature));
}

/// The page's `signIsRight`, called as an application would after reading the body.
async fn sign_in_java(stage: &Stage, genuine: &Received) {
    let check = "public class Check { public static void main(String[] a) throws Exception { \
                 System.out.print(Receiver.signIsRight(a[0], Long.parseLong(a[1]), a[2])); } }";
    stage.write("Check.java", check);
    stage.run("javac -d classes Receiver.java Check.java").await;
    let body = genuine.json();
    let (t, sign) = (body["T"].as_i64().unwrap(), body["Sign"].as_str().unwrap());
    for (key, t, right) in
        [("a1b2c3", t, "true"), ("other", t, "false"), ("a1b2c3", t + 1, "false")]
    {
        let told = stage.run(&format!("java -cp classes Check {key} {t} {sign}")).await;
        assert_eq!(told, right, "{key} {t}");
    }
}
