//! Which web pages may talk to this server: CORS, for media and for uploads.
//!
//! A browser lets a page of another origin read an answer only if the answer names that origin. None is
//! named unless the configuration lists it. Nothing here rests on cookies or any other credential that a
//! browser would add by itself, and `Access-Control-Allow-Credentials` is never sent: signatures alone
//! decide what may be done, and these lists which pages may be told.
//!
//! The API has none of it: it takes keys that do not belong in a browser. A preflight does not say whether
//! it is about the API or about an upload, so it is answered for uploads; what the API answers stays
//! unreadable to pages.

use axum::body::Body;
use axum::response::Response;
use http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_HEADERS,
    ACCESS_CONTROL_REQUEST_METHOD, HeaderValue, ORIGIN, VARY,
};
use http::request::Parts;
use http::{HeaderMap, Method, StatusCode};

/// Seconds that a browser may remember what it was allowed; a change of the configuration is felt soon.
const MAX_AGE: HeaderValue = HeaderValue::from_static("600");
/// Bytes of the list of headers that a page wants to send: COS's SDK names some ten.
const REQUEST_HEADERS_BYTES_MAX: usize = 4096;

/// The origins that a surface trusts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Origins {
    /// None: pages of other origins see nothing.
    #[default]
    None,
    /// Every one.
    Any,
    /// These, as browsers write them: `https://www.example.com`, `http://localhost:3000`.
    Listed(Vec<String>),
}

/// What pages may do on a surface, and what of an answer they may read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Surface {
    methods: &'static str,
    exposed: &'static str,
}

/// `/media/…`: players.
pub(crate) const MEDIA: Surface = Surface {
    methods: "GET, HEAD",
    exposed: "Accept-Ranges, Content-Length, Content-Range, Date, ETag, Last-Modified",
};
/// The COS surface and the API of the upload SDKs. Without ETag a client cannot complete an upload in
/// parts, and from Date it learns how wrong its clock is.
pub(crate) const UPLOAD: Surface = Surface {
    methods: "GET, HEAD, POST, PUT, DELETE",
    exposed: "Content-Length, Date, ETag, x-cos-hash-crc64ecma, x-cos-request-id",
};

/// Whether a browser asks what a page may do, before the page does it.
pub(crate) fn is_preflight(parts: &Parts) -> bool {
    parts.method == Method::OPTIONS
        && parts.headers.contains_key(ORIGIN)
        && parts.headers.contains_key(ACCESS_CONTROL_REQUEST_METHOD)
}

impl Origins {
    /// What an answer to a page of that origin says; none: nothing.
    fn allow(&self, headers: &HeaderMap) -> Option<HeaderValue> {
        let origin = headers.get(ORIGIN)?;
        match self {
            Self::None => None,
            Self::Any => Some(HeaderValue::from_static("*")),
            Self::Listed(listed) => {
                listed.iter().any(|one| one.as_bytes() == origin.as_bytes()).then(|| origin.clone())
            }
        }
    }

    /// Answers a preflight request. A page that is on no list is told so in the status, for people: the
    /// browser looks at the headers only.
    pub(crate) fn preflight(&self, surface: Surface, headers: &HeaderMap) -> Response {
        let mut response = Response::new(Body::empty());
        let Some(allowed) = self.allow(headers) else {
            *response.status_mut() = StatusCode::FORBIDDEN;
            tracing::debug!(origin = ?headers.get(ORIGIN), "a page of an origin on no list asks");
            self.vary(response.headers_mut());
            return response;
        };
        *response.status_mut() = StatusCode::NO_CONTENT;
        let answer = response.headers_mut();
        answer.insert(ACCESS_CONTROL_ALLOW_ORIGIN, allowed);
        let methods = HeaderValue::from_static(surface.methods);
        answer.insert(ACCESS_CONTROL_ALLOW_METHODS, methods);
        answer.insert(ACCESS_CONTROL_MAX_AGE, MAX_AGE);
        let wanted = headers.get(ACCESS_CONTROL_REQUEST_HEADERS);
        if let Some(wanted) = wanted.filter(|list| list.len() <= REQUEST_HEADERS_BYTES_MAX) {
            answer.insert(ACCESS_CONTROL_ALLOW_HEADERS, wanted.clone());
        }
        self.vary(answer);
        response
    }

    /// Lets a page read an answer, if its origin is trusted.
    pub(crate) fn apply(&self, surface: Surface, request: &HeaderMap, response: &mut Response) {
        let answer = response.headers_mut();
        if let Some(allowed) = self.allow(request) {
            answer.insert(ACCESS_CONTROL_ALLOW_ORIGIN, allowed);
            let exposed = HeaderValue::from_static(surface.exposed);
            answer.insert(ACCESS_CONTROL_EXPOSE_HEADERS, exposed);
        }
        self.vary(answer);
    }

    /// An answer that depends on the origin must not be kept for another one.
    fn vary(&self, answer: &mut HeaderMap) {
        if matches!(self, Self::Listed(_)) {
            answer.append(VARY, HeaderValue::from_static("Origin"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(origin: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(ORIGIN, HeaderValue::from_static(origin))])
    }

    #[test]
    fn an_origin_is_trusted_to_the_letter() {
        let listed = Origins::Listed(vec!["http://localhost:3000".to_owned()]);
        assert_eq!(listed.allow(&asked("http://localhost:3000")).unwrap(), "http://localhost:3000");
        for other in
            ["http://localhost", "https://localhost:3000", "http://localhost:30000", "null", ""]
        {
            assert_eq!(listed.allow(&asked(other)), None, "{other}");
        }
        assert_eq!(listed.allow(&HeaderMap::new()), None, "no page asks");
        assert_eq!(Origins::Any.allow(&asked("null")).unwrap(), "*");
        assert_eq!(Origins::None.allow(&asked("http://localhost:3000")), None);
    }
}
