//! What a COS request is for: which key, which operation.
//!
//! The bucket may be in the host (`bucket.cos.region.myqcloud.com`, also in an absolute-form target),
//! first in the path, or nowhere (the SDKs' `Domain` setting): the session of the key knows it, so
//! where a bucket is named it only has to be that one.

use http::Method;
use http::request::Parts;
use media::Grant;
use percent_encoding::percent_decode_str;
use url::form_urlencoded;

use super::error::CosError;
use super::identify;

/// A query, decoded.
pub(super) type Query = Vec<(String, String)>;

/// What a request is for.
#[derive(Debug)]
pub(super) struct Target {
    /// The key, without leading slash; empty: the bucket itself.
    pub key: String,
    /// What to do.
    pub operation: Operation,
    /// The query, for what else the operation takes.
    pub query: Query,
}

/// The operations that are offered.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Operation {
    Put,
    PutPart {
        number: u32,
        upload: String,
    },
    Initiate,
    Complete {
        upload: String,
    },
    Abort {
        upload: String,
    },
    ListUploads,
    ListParts {
        upload: String,
    },
    /// GET and HEAD.
    Get,
}

/// Reads what a request is for.
pub(super) fn read(parts: &Parts, grant: &Grant) -> Result<Target, CosError> {
    let host = identify::host(parts).unwrap_or_default();
    let key = key(host, parts.uri.path(), &grant.session.bucket)?;
    let query = parts.uri.query().unwrap_or_default();
    let query: Query = form_urlencoded::parse(query.as_bytes()).into_owned().collect();
    if parts.headers.contains_key("x-cos-copy-source") {
        return Err(CosError::not_implemented("Copying objects"));
    }
    let operation = operation(&parts.method, &key, &query)?;
    Ok(Target { key, operation, query })
}

/// The value of a query parameter.
pub(super) fn value<'a>(query: &'a Query, name: &str) -> Option<&'a str> {
    query.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
}

fn key(host: &str, path: &str, bucket: &str) -> Result<String, CosError> {
    let path = path.strip_prefix('/').unwrap_or(path);
    let path = percent_decode_str(path).decode_utf8().map_err(|_not_text| {
        CosError::bad("InvalidURI", "Could not parse the specified URI: it is not UTF-8.")
    })?;
    let mut labels = host.split('.');
    let (first, second) = (labels.next().unwrap_or_default(), labels.next());
    if first.eq_ignore_ascii_case(bucket) {
        return Ok(path.into_owned());
    }
    if second == Some("cos") {
        return Err(CosError::no_such_bucket());
    }
    let rest = path.strip_prefix(bucket).and_then(|rest| match rest {
        "" => Some(""),
        rest => rest.strip_prefix('/'),
    });
    Ok(rest.unwrap_or(&path).to_owned())
}

fn operation(method: &Method, key: &str, query: &Query) -> Result<Operation, CosError> {
    let has = |name: &str| value(query, name).is_some();
    let upload = value(query, "uploadId").map(str::to_owned);
    if key.is_empty() {
        return match *method {
            Method::GET if has("uploads") => Ok(Operation::ListUploads),
            _ => Err(CosError::not_implemented("This operation on a bucket")),
        };
    }
    match (method, upload) {
        (&Method::PUT, Some(upload)) => Ok(Operation::PutPart { number: number(query)?, upload }),
        (&Method::PUT, None) if has("partNumber") => {
            Err(CosError::bad("InvalidArgument", "partNumber needs an uploadId."))
        }
        (&Method::POST, None) if has("uploads") => Ok(Operation::Initiate),
        (&Method::POST, Some(upload)) => Ok(Operation::Complete { upload }),
        (&Method::DELETE, Some(upload)) => Ok(Operation::Abort { upload }),
        (&Method::GET, Some(upload)) => Ok(Operation::ListParts { upload }),
        (&Method::PUT, None) => plain(query).map(|()| Operation::Put),
        (&Method::GET | &Method::HEAD, _) => plain(query).map(|()| Operation::Get),
        (method, _) => Err(CosError::not_implemented(&format!("{method} of an object"))),
    }
}

/// Refuses sub-resources: `PUT /key?acl` must not replace the object.
fn plain(query: &Query) -> Result<(), CosError> {
    let known = |name: &str| {
        name.starts_with("q-") || name.starts_with("x-cos-") || name.starts_with("response-")
    };
    match query.iter().find(|(name, _)| !known(name)) {
        Some((name, _)) => {
            let name: String = name.chars().take(32).collect();
            Err(CosError::not_implemented(&format!("`?{name}` of an object")))
        }
        None => Ok(()),
    }
}

fn number(query: &Query) -> Result<u32, CosError> {
    let number = value(query, "partNumber").and_then(|text| text.parse().ok());
    number.ok_or_else(|| CosError::bad("InvalidArgument", "partNumber must be a number."))
}

#[cfg(test)]
mod tests {
    use super::*;

    const BUCKET: &str = "4a817c80-1250000000";

    fn key_of(host: &str, path: &str) -> Option<String> {
        key(host, path, BUCKET).ok()
    }

    #[test]
    fn a_bucket_may_stand_in_the_host_in_the_path_or_nowhere() {
        let some = |text: &str| Some(text.to_owned());
        let virtual_host = format!("{BUCKET}.cos.ap-guangzhou.myqcloud.com");
        assert_eq!(key_of(&virtual_host, "/a/b%20c.mp4"), some("a/b c.mp4"));
        assert_eq!(key_of("127.0.0.1", "/a/b.mp4"), some("a/b.mp4"));
        assert_eq!(key_of("127.0.0.1", &format!("/{BUCKET}/a/b.mp4")), some("a/b.mp4"));
        assert_eq!(key_of("127.0.0.1", &format!("/{BUCKET}")), some(""));
        assert_eq!(key_of("cos.ap-guangzhou.myqcloud.com", &format!("/{BUCKET}/a")), some("a"));
        assert_eq!(key_of("localhost", "/"), some(""));
        assert_eq!(key_of("other-1.cos.ap-guangzhou.myqcloud.com", "/a"), None);
        assert_eq!(key_of("localhost", "/%ff"), None);
    }

    #[test]
    fn operations_follow_method_and_query() {
        let of = |method: Method, key: &str, query: &str| {
            let query: Query = form_urlencoded::parse(query.as_bytes()).into_owned().collect();
            operation(&method, key, &query).ok()
        };
        let upload = || "u".to_owned();
        assert_eq!(of(Method::PUT, "k", ""), Some(Operation::Put));
        assert_eq!(of(Method::PUT, "k", "q-ak=x&x-cos-security-token=t"), Some(Operation::Put));
        assert_eq!(
            of(Method::PUT, "k", "partNumber=3&uploadId=u"),
            Some(Operation::PutPart { number: 3, upload: upload() })
        );
        assert_eq!(of(Method::POST, "k", "uploads"), Some(Operation::Initiate));
        assert_eq!(of(Method::POST, "k", "uploads="), Some(Operation::Initiate));
        assert_eq!(
            of(Method::POST, "k", "uploadId=u"),
            Some(Operation::Complete { upload: upload() })
        );
        assert_eq!(
            of(Method::DELETE, "k", "uploadId=u"),
            Some(Operation::Abort { upload: upload() })
        );
        assert_eq!(of(Method::GET, "", "uploads&prefix=k"), Some(Operation::ListUploads));
        assert_eq!(
            of(Method::GET, "k", "uploadId=u"),
            Some(Operation::ListParts { upload: upload() })
        );
        assert_eq!(of(Method::HEAD, "k", ""), Some(Operation::Get));
        for (method, key, query) in [
            (Method::PUT, "k", "acl"),
            (Method::PUT, "k", "partNumber=1"),
            (Method::PUT, "k", "partNumber=x&uploadId=u"),
            (Method::DELETE, "k", ""),
            (Method::POST, "k", ""),
            (Method::GET, "", ""),
            (Method::PUT, "", ""),
            (Method::GET, "k", "acl"),
        ] {
            assert_eq!(of(method.clone(), key, query), None, "{method} {key}?{query}");
        }
    }
}
