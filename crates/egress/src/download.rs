//! A file that is fetched: [`Client::download`].
//!
//! The answer's head is bounded as in an exchange, its body is not: whoever fetches counts the bytes
//! and stops. What ends a download otherwise is its deadline, or a source that brings less than so much
//! in so much time of waiting; time in which nobody reads does not count.
//!
//! Redirects are followed here, because what is fetched is often behind one, and nothing is sent along
//! that a target could abuse. Each is checked like the first URL, and none leads from https to http.
//! Deliberately absent: decompression (a file is wanted as it is), cookies, caches.

use std::ops::RangeInclusive;
use std::time::Duration;

use bytes::Bytes;
use http::header::{
    ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_RANGE, DATE, ETAG, HeaderMap, HeaderValue, IF_RANGE,
    LAST_MODIFIED, LOCATION, RANGE, USER_AGENT,
};
use http::{Method, Response, StatusCode};
use http_body_util::BodyExt;
use hyper::body::{Body, Incoming};
use tokio::time::{Instant, timeout_at};
use url::Url;

use crate::client::{Client, ExchangeError, Request, destination, reason};
use crate::pool::Wire;

/// What we say we are.
const AGENT: &str = concat!("callboard/", env!("CARGO_PKG_VERSION"));

/// A file to fetch.
#[derive(Clone, Debug)]
pub struct Fetch {
    /// Where it is.
    pub url: Url,
    /// From where on, if a part is there already.
    pub resume: Option<Resume>,
    /// Which bytes of it, if not all. With these nothing is resumed.
    pub part: Option<RangeInclusive<u64>>,
    /// The application that chose the URL.
    pub owner: Option<u64>,
    /// How patient to be.
    pub patience: Patience,
    /// When to give up, whatever has come.
    pub deadline: Instant,
}

/// The rest of a file of which the beginning is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resume {
    /// Bytes that are there.
    pub start: u64,
    /// [`Download::validator`] of the answer that they came with.
    pub validator: String,
}

/// How much a source may try one's patience.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patience {
    /// The time until an answer's head is complete, for each redirect anew.
    pub head: Duration,
    /// In this time of waiting…
    pub window: Duration,
    /// …so many bytes must come, or the end.
    pub window_bytes: u64,
    /// Redirects that are followed.
    pub redirects: usize,
}

/// Why a file, or the rest of it, is not to be had.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// There is no answer.
    #[error(transparent)]
    Exchange(#[from] ExchangeError),
    /// The answer is none of success.
    #[error("it answered {0}")]
    Status(u16),
    /// A redirect that leads nowhere.
    #[error("it redirects to `{0}`, which is no URL")]
    Location(String),
    /// A redirect from https to http.
    #[error("it redirects from https to http")]
    Downgrade,
    /// Too many redirects.
    #[error("it redirects more than {0} times")]
    Redirects(usize),
    /// The body is compressed although that was not asked for.
    #[error("it answers with Content-Encoding `{0}`, which was not asked for")]
    Encoded(String),
    /// Another part of the file than was asked for.
    #[error("it answers with another range than was asked for")]
    Range,
    /// The body ended before its end.
    #[error("it ended early: {0}")]
    Ended(String),
    /// The body comes too slowly, or not at all.
    #[error("it brought less than {bytes} bytes in {seconds} s")]
    TooSlow {
        /// What was to come.
        bytes: u64,
        /// In which time.
        seconds: u64,
    },
    /// The deadline passed.
    #[error("it did not end in time")]
    TimedOut,
}

/// An answer that brings a file, or the rest of it.
pub struct Download<'c> {
    /// The URL that answered, behind all redirects.
    pub url: Url,
    /// The first byte that the body brings.
    pub start: u64,
    /// Bytes of the whole file; none: not said.
    pub total: Option<u64>,
    /// What tells this version of the file from others for certain: a strong ETag, or a Last-Modified
    /// that is older than the answer.
    pub validator: Option<String>,
    client: &'c Client,
    /// None once it has been given back.
    wire: Option<Wire>,
    body: Incoming,
    patience: Patience,
    deadline: Instant,
    /// Time spent waiting in this window, and bytes that came in it.
    waited: Duration,
    came: u64,
}

impl std::fmt::Debug for Download<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Download")
            .field("start", &self.start)
            .field("total", &self.total)
            .finish_non_exhaustive()
    }
}

impl Client {
    /// Asks for a file and follows redirects to it. Dropping future or download closes the connection.
    pub async fn download(&self, fetch: &Fetch) -> Result<Download<'_>, FetchError> {
        let mut url = fetch.url.clone();
        for _ in 0..=fetch.patience.redirects {
            let (wire, response) = self.ask(&url, fetch).await?;
            match redirected(&url, &response)? {
                Some(next) => url = next,
                None => return self.opened(url, wire, response, fetch),
            }
        }
        Err(FetchError::Redirects(fetch.patience.redirects))
    }

    async fn ask(
        &self,
        url: &Url,
        fetch: &Fetch,
    ) -> Result<(Wire, Response<Incoming>), FetchError> {
        self.policy().check_url(url).map_err(ExchangeError::from)?;
        let now = Instant::now();
        let deadline = fetch.deadline.min(now + fetch.patience.head);
        let request = Request {
            method: Method::GET,
            url: url.clone(),
            headers: headers(fetch)?,
            body: Bytes::new(),
            pace: None,
            owner: fetch.owner,
            timeout: deadline.saturating_duration_since(now),
        };
        let headed = timeout_at(deadline, self.head(&request, deadline)).await;
        let (wire, response, _reused) = headed.unwrap_or(Err(ExchangeError::TimedOut))?;
        Ok((wire, response))
    }

    fn opened(
        &self,
        url: Url,
        wire: Wire,
        response: Response<Incoming>,
        fetch: &Fetch,
    ) -> Result<Download<'_>, FetchError> {
        let (head, body) = response.into_parts();
        let part = fetch.part.as_ref().map(|part| *part.start());
        let wanted = part.or(fetch.resume.as_ref().map(|resume| resume.start));
        let start = match (head.status, wanted) {
            // the whole file, where its beginning was wanted, begins with that
            (StatusCode::OK, _) if part.is_none_or(|start| start == 0) => 0,
            (StatusCode::OK, _) => return Err(FetchError::Range),
            (StatusCode::PARTIAL_CONTENT, Some(wanted)) => {
                let range = header(&head.headers, &CONTENT_RANGE).and_then(first_of_range);
                range.filter(|start| *start == wanted).ok_or(FetchError::Range)?
            }
            (other, _) => return Err(FetchError::Status(other.as_u16())),
        };
        match header(&head.headers, &CONTENT_ENCODING) {
            None | Some("" | "identity") => {}
            Some(other) => return Err(FetchError::Encoded(other.chars().take(32).collect())),
        }
        // from here on whoever fetches counts
        wire.meter.grant(u64::MAX);
        let rest = body.size_hint().exact().filter(|_| part.is_none());
        let total = rest.map(|rest| start.saturating_add(rest));
        Ok(Download {
            url,
            start,
            total,
            validator: validator(&head.headers),
            client: self,
            wire: Some(wire),
            body,
            patience: fetch.patience,
            deadline: fetch.deadline,
            waited: Duration::ZERO,
            came: 0,
        })
    }
}

impl Download<'_> {
    /// The next piece; none: that was the last.
    pub async fn next(&mut self) -> Result<Option<Bytes>, FetchError> {
        loop {
            let Some(wire) = &mut self.wire else { return Ok(None) };
            let began = Instant::now();
            let left = self.patience.window.saturating_sub(self.waited);
            let until = self.deadline.min(began + left);
            let frame = timeout_at(until, Wire::drive(&mut wire.driver, self.body.frame())).await;
            self.waited += began.elapsed();
            match frame {
                Err(_) if Instant::now() >= self.deadline => return Err(FetchError::TimedOut),
                Err(_) => {
                    return Err(FetchError::TooSlow {
                        bytes: self.patience.window_bytes,
                        seconds: self.patience.window.as_secs(),
                    });
                }
                Ok(Some(Err(error))) => return Err(FetchError::Ended(reason(&error))),
                Ok(None) => self.give_back(),
                Ok(Some(Ok(frame))) => {
                    let data = frame.into_data().unwrap_or_default();
                    self.came += u64::try_from(data.len()).unwrap_or(u64::MAX);
                    if self.came >= self.patience.window_bytes {
                        (self.came, self.waited) = (0, Duration::ZERO);
                    }
                    if !data.is_empty() {
                        return Ok(Some(data));
                    }
                }
            }
        }
    }

    /// Keeps the connection for the next file, if it can be used again.
    fn give_back(&mut self) {
        if let Some(wire) = self.wire.take().filter(|wire| wire.driver.is_some()) {
            self.client.pool.put(destination(&self.url), wire);
        }
    }
}

/// Where an answer leads to; none: it is no redirect.
fn redirected(url: &Url, response: &Response<Incoming>) -> Result<Option<Url>, FetchError> {
    let status = response.status();
    if !matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308) {
        return Ok(None);
    }
    let location = header(response.headers(), &LOCATION);
    let location = location.ok_or(FetchError::Status(status.as_u16()))?;
    let shown = || location.chars().take(256).collect();
    let next = url.join(location).map_err(|_no_url| FetchError::Location(shown()))?;
    if url.scheme() == "https" && next.scheme() == "http" {
        return Err(FetchError::Downgrade);
    }
    Ok(Some(next))
}

fn headers(fetch: &Fetch) -> Result<HeaderMap, FetchError> {
    let mut headers = HeaderMap::new();
    headers.insert(USER_AGENT, HeaderValue::from_static(AGENT));
    headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    if let Some(part) = &fetch.part {
        let range = HeaderValue::try_from(format!("bytes={}-{}", part.start(), part.end()));
        headers.insert(RANGE, range.map_err(|_bad| FetchError::Range)?);
    } else if let Some(resume) = &fetch.resume {
        let range = HeaderValue::try_from(format!("bytes={}-", resume.start));
        let validator = HeaderValue::try_from(resume.validator.as_str());
        // what came as a header can be one
        let (Ok(range), Ok(validator)) = (range, validator) else { return Err(FetchError::Range) };
        headers.insert(RANGE, range);
        headers.insert(IF_RANGE, validator);
    }
    Ok(headers)
}

/// A header as text; none: it is not there, or not readable.
fn header<'h>(headers: &'h HeaderMap, name: &http::HeaderName) -> Option<&'h str> {
    headers.get(name)?.to_str().ok()
}

/// What promises equal bytes: a strong ETag; else, and only where there is no ETag at all, a
/// Last-Modified a second or more before the answer's own Date, because within one second a file may
/// have changed twice (RFC 9110, sections 8.8.2.2 and 13.1.5).
fn validator(headers: &HeaderMap) -> Option<String> {
    if headers.contains_key(ETAG) {
        return header(headers, &ETAG).filter(|etag| etag.starts_with('"')).map(str::to_owned);
    }
    let modified = header(headers, &LAST_MODIFIED)?;
    let at = httpdate::parse_http_date(modified).ok()?;
    let told = httpdate::parse_http_date(header(headers, &DATE)?).ok()?;
    (at < told).then(|| modified.to_owned())
}

/// `bytes <first>-<last>/<total>`
fn first_of_range(range: &str) -> Option<u64> {
    range.strip_prefix("bytes ")?.split_once('-')?.0.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_promises_equal_bytes_is_a_validator() {
        let told = |pairs: &[(&'static str, &str)]| {
            let mut headers = HeaderMap::new();
            for (name, value) in pairs {
                headers.insert(*name, HeaderValue::from_str(value).unwrap());
            }
            validator(&headers)
        };
        let date = "Tue, 24 Nov 2026 11:00:00 GMT";
        let later = ("date", "Tue, 24 Nov 2026 11:00:01 GMT");
        let modified = ("last-modified", date);
        assert_eq!(told(&[("etag", "\"a\""), modified, later]).as_deref(), Some("\"a\""));
        assert_eq!(told(&[modified, later]).as_deref(), Some(date));
        for nothing in [
            [].as_slice(),
            &[modified],
            &[modified, ("date", date)],
            &[modified, ("date", "now")],
            &[("last-modified", "yesterday"), later],
            &[("etag", "W/\"a\""), modified, later],
        ] {
            assert_eq!(told(nothing), None, "{nothing:?}");
        }
    }

    #[test]
    fn the_first_byte_of_a_range() {
        assert_eq!(first_of_range("bytes 500-999/1000"), Some(500));
        assert_eq!(first_of_range("bytes 0-9/*"), Some(0));
        for bad in ["bytes */1000", "500-999/1000", "bytes -5/10", ""] {
            assert_eq!(first_of_range(bad), None, "{bad}");
        }
    }
}
