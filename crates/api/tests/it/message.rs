//! Requests as bytes and answers as they came, so that tests can send what no client library would.

use std::time::Duration;

use serde_json::Value;
use sign::SignedRequest;
use sign::tc3::{self, Signer};
use tokio::io::{AsyncRead, AsyncReadExt};

/// How long any one answer may take.
pub(crate) const DEADLINE: Duration = Duration::from_secs(20);

/// A request; [`Message::bytes`] is what goes over the wire.
#[derive(Clone, Debug)]
pub(crate) struct Message {
    pub(crate) method: String,
    pub(crate) target: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Message {
    /// An unsigned request.
    pub(crate) fn new(method: &str, target: &str) -> Self {
        Self {
            method: method.to_owned(),
            target: target.to_owned(),
            headers: vec![("Host".to_owned(), "127.0.0.1:8800".to_owned())],
            body: Vec::new(),
        }
    }

    /// A TC3 POST as the Python SDK sends it, still unsigned.
    pub(crate) fn post(action: &str, body: impl Into<Vec<u8>>, timestamp_s: i64) -> Self {
        Self::new("POST", "/")
            .with("Content-Type", "application/json")
            .with("X-TC-Action", action)
            .with("X-TC-Version", "2018-07-17")
            .with("X-TC-Timestamp", &timestamp_s.to_string())
            .body(body)
    }

    /// With that header, replacing one of the same name.
    pub(crate) fn with(mut self, name: &str, value: &str) -> Self {
        self.headers.retain(|(known, _)| !known.eq_ignore_ascii_case(name));
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Without that header.
    pub(crate) fn without(mut self, name: &str) -> Self {
        self.headers.retain(|(known, _)| !known.eq_ignore_ascii_case(name));
        self
    }

    /// With that body.
    pub(crate) fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }

    /// Signed with TC3 for the service `vod`.
    pub(crate) fn signed(self, key: (&str, &str)) -> Self {
        let authorization = {
            let headers: Vec<(&str, &[u8])> = self
                .headers
                .iter()
                .map(|(name, value)| (name.as_str(), value.as_bytes()))
                .collect();
            let (path, query) = self.target.split_once('?').unwrap_or((&self.target, ""));
            let request = SignedRequest {
                method: &self.method,
                authority: None,
                path,
                query,
                headers: &headers,
                body: if self.method == "GET" { b"" } else { &self.body },
            };
            let timestamp = tc3::timestamp(&request).unwrap();
            let signer = Signer {
                secret_id: key.0,
                secret_key: key.1,
                service: "vod",
                timestamp_s: timestamp,
            };
            tc3::sign(&request, &signer)
        };
        self.with("Authorization", &authorization)
    }

    /// The request line, the headers as they are, a Content-Length if none is there, the body.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let mut bytes = format!("{} {} HTTP/1.1\r\n", self.method, self.target).into_bytes();
        for (name, value) in &self.headers {
            bytes.extend_from_slice(format!("{name}: {value}\r\n").as_bytes());
        }
        let declared = |name: &str| self.headers.iter().any(|(n, _)| n.eq_ignore_ascii_case(name));
        if !declared("content-length") && !declared("transfer-encoding") {
            bytes.extend_from_slice(format!("Content-Length: {}\r\n", self.body.len()).as_bytes());
        }
        bytes.extend_from_slice(b"\r\n");
        bytes.extend_from_slice(&self.body);
        bytes
    }
}

/// An answer as it came.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    /// Reads one answer; none if the connection ends before it is complete.
    pub(crate) async fn read(stream: &mut (impl AsyncRead + Unpin)) -> Option<Self> {
        tokio::time::timeout(DEADLINE, Self::read_now(stream)).await.expect("an answer in time")
    }

    async fn read_now(stream: &mut (impl AsyncRead + Unpin)) -> Option<Self> {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(stream.read_u8().await.ok()?);
        }
        let head = String::from_utf8(head).unwrap();
        let mut lines = head.trim_end().split("\r\n");
        let status = lines.next()?.split(' ').nth(1)?.parse().ok()?;
        if status == 100 {
            return Box::pin(Self::read_now(stream)).await;
        }
        let headers: Vec<(String, String)> = lines
            .map(|line| line.split_once(':').unwrap())
            .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
            .collect();
        let mut answer = Self { status, headers, body: Vec::new() };
        let length = answer.header("content-length").and_then(|text| text.parse().ok());
        answer.body = vec![0; length.unwrap_or(0)];
        stream.read_exact(&mut answer.body).await.ok()?;
        Some(answer)
    }

    /// A header's value.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// What stands in `Response`; whatever an official client insists on is checked.
    pub(crate) fn response(&self) -> Value {
        assert_eq!(self.status, 200);
        assert_eq!(self.header("content-type"), Some("application/json"));
        assert_eq!(self.header("content-length"), Some(&*self.body.len().to_string()));
        let value: Value = serde_json::from_slice(&self.body).unwrap();
        assert_eq!(value.as_object().unwrap().len(), 1);
        let response = value["Response"].clone();
        assert!(uuid::Uuid::parse_str(response["RequestId"].as_str().unwrap()).is_ok());
        if let Some(error) = response.get("Error") {
            assert!(error["Code"].is_string() && error["Message"].is_string());
            assert_eq!(response.as_object().unwrap().len(), 2);
        }
        response
    }

    /// The error's code, or `OK`.
    pub(crate) fn code(&self) -> String {
        code(&self.response())
    }

    /// The error's message.
    pub(crate) fn message(&self) -> String {
        message(&self.response())
    }
}

/// The code of a `Response`, or `OK`.
pub(crate) fn code(response: &Value) -> String {
    response["Error"]["Code"].as_str().unwrap_or("OK").to_owned()
}

/// The message of a `Response`, or nothing.
pub(crate) fn message(response: &Value) -> String {
    response["Error"]["Message"].as_str().unwrap_or_default().to_owned()
}
