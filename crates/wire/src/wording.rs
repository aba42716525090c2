//! What errors say, in both languages: one table, one row a wording.
//!
//! English is the text of the cloud where a public quotation of it is known (the row says which).
//! Chinese is the cloud's own for the rows that say so (facts/api3.md section 4.3); the others are
//! ours, because a caller that asked for Chinese is better served by one language than by two.
//! `no event` and `invalid vod user` are the same in both: programs compare those texts, and the
//! Python and Go SDKs ask for Chinese unless they are told otherwise. So is what CAM says of a
//! refusal, which the cloud was seen to leave in English. Deliberately absent: translations of what
//! names Callboard's own members and settings.

use std::fmt::Write as _;

use crate::error::Code;

/// What a caller would like to read (`X-TC-Language`, or `Language` with signature v1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Language {
    /// `en-US`, anything unknown, and nothing at all: Node, Java, PHP and C++ send nothing, and get
    /// English from the cloud (facts/api3.md section 0).
    #[default]
    English,
    /// `zh-CN`.
    Chinese,
}

impl Language {
    /// What that tag asks for.
    pub fn of(tag: &str) -> Self {
        if tag.trim().eq_ignore_ascii_case("zh-CN") { Self::Chinese } else { Self::English }
    }
}

/// A sentence with places for what it is about: `{0}`, `{1}` and so on.
#[derive(Debug)]
pub(crate) struct Wording {
    pub(crate) code: Code,
    pub(crate) english: &'static str,
    pub(crate) chinese: &'static str,
}

macro_rules! wordings {
    ($($(#[$doc:meta])* $name:ident: $code:ident = $english:literal, $chinese:literal;)*) => {
        $($(#[$doc])* pub(crate) const $name: Wording =
            Wording { code: Code::$code, english: $english, chinese: $chinese };)*
        #[cfg(test)]
        const ALL: &[(&str, &Wording)] = &[$((stringify!($name), &$name),)*];
    };
}

wordings! {
    /// Both: tccli example data.
    INTERNAL: InternalError =
        "An internal error has occurred. Retry your request, but if the problem persists, contact us.",
        "内部服务错误，请稍后重试。";
    /// Both: sdk-ruby issue 9 and many others.
    SIGNATURE_FAILURE: AuthFailureSignatureFailure =
        "The provided credentials could not be validated. Please check your signature is correct.",
        "请求签名验证失败，请检查您的签名计算是否正确。";
    /// English: sdk-python issue 42.
    V1_SIZE_EXCEEDED: AuthFailureSignatureFailure =
        "The provided credentials could not be validated because of exceeding request size limit, please use new signature method `TC3-HMAC-SHA256`.",
        "请求签名验证失败：请求包超过大小限制，请使用新的签名方法 `TC3-HMAC-SHA256`。";
    /// English: sdk-nodejs issue 138. Chinese: tencentcloud-cli issue 84.
    SECRET_ID_NOT_FOUND: AuthFailureSecretIdNotFound =
        "The SecretId is not found, please ensure that your SecretId is correct.",
        "SecretId不存在，请输入正确的密钥。";
    /// English: two public captures.
    SIGNATURE_EXPIRED: AuthFailureSignatureExpire =
        "The signature is expired, please request again.",
        "签名已过期，请重新请求。";
    /// English: sdk-go's integration test.
    TOKEN_FAILURE: AuthFailureTokenFailure =
        "Token verification failed, please check if your Token is correct",
        "Token校验失败，请检查您的Token是否正确。";
    /// English: sdk-go issue 89. {0} says what is wrong, in English.
    INVALID_AUTHORIZATION: AuthFailureInvalidAuthorization =
        "The request `Authorization` header does not conform to tencentcloud standards: {0}",
        "请求头部的 `Authorization` 不符合腾讯云标准：{0}";
    /// English: sdk-nodejs issue 99.
    MISSING_PARAMETER: MissingParameter =
        "The request is missing a required parameter `{0}`.",
        "请求缺少必需的参数 `{0}`。";
    /// English: NewFuture/DDNS issue 575.
    UNKNOWN_PARAMETER: UnknownParameter =
        "The parameter `{0}` is not recognized.",
        "未定义的参数 `{0}`。";
    /// English: qcloud-documents issue 4225.
    INVALID_TYPE: InvalidParameter =
        "The value type of parameter `{0}` is not valid.",
        "参数 `{0}` 的值类型不正确。";
    /// English: sdk-python issue 12. {0} is the value, {1} the parameter.
    INVALID_VALUE: InvalidParameterValue =
        "The value `{0}` specified in the parameter `{1}` is not valid.",
        "参数 `{1}` 的值 `{0}` 无效。";
    /// Chinese: sdk-nodejs issue 104, of which the English is a translation. The code was not shown
    /// there; this one is documented for bodies that cannot be read.
    MALFORMED_JSON: InvalidRequest =
        "For the specified content-type=application/json, the request content is not in valid JSON format.",
        "对于指定content-type=application/json协议下，请求内容不是合法的Json格式。";
    /// English: CloudBase-AI-Toolkit issue 301. {1} is the service, {2} the version.
    INVALID_ACTION: InvalidAction =
        "The request action=`{0}` is invalid or not found in service=`{1}` and version=`{2}`.",
        "请求的接口 action=`{0}` 无效，或在 service=`{1}`、version=`{2}` 中不存在。";
    /// English: sdk-dotnet issue 45. {1} is the service.
    NO_SUCH_VERSION: NoSuchVersion =
        "The specified api version=`{0}` does not exist in service=`{1}`.",
        "指定的接口版本 version=`{0}` 在 service=`{1}` 中不存在。";
    /// Ours.
    UNSUPPORTED_ACTION: UnsupportedOperation =
        "The action `{0}` is not supported by Callboard.",
        "Callboard 不支持接口 `{0}`。";
    /// English: cb-spider issue 654; client libraries parse it. Chinese: MathTranslate issue 21.
    REQUEST_LIMIT_EXCEEDED: RequestLimitExceeded =
        "Your current request times equals to `{0}` in a second, which exceeds the frequency limit `{1}` for a second. Please reduce the frequency of calls.",
        "您当前每秒请求 `{0}` 次，超过了每秒频率上限 `{1}`，请稍后重试。";
    /// In CAM's product wording, which was seen in English only. {0} is the request, {1} the
    /// operation, {2} the resource.
    NOT_AUTHORIZED: UnauthorizedOperation =
        "[request id:{0}]you are not authorized to perform operation ({1})\nresource ({2}) has no permission\n",
        "[request id:{0}]you are not authorized to perform operation ({1})\nresource ({2}) has no permission\n";
    /// Terraform retries on exactly this code and text.
    INVALID_VOD_USER: FailedOperation = "invalid vod user", "invalid vod user";
    /// Clients compare the text (seen in Java, whose SDK asks for no language).
    NO_EVENT: ResourceNotFound = "no event", "no event";
    /// Ours. {0} is what is too large, {1} the limit in bytes.
    TOO_LARGE: RequestSizeLimitExceeded =
        "The request size exceeds the limit: its {0} is over {1} bytes.",
        "请求包超过大小限制：{0} 超过 {1} 字节。";
    /// Ours, after the documented description of the code.
    BAD_METHOD: UnsupportedProtocol =
        "The HTTP request method is not supported: only GET and POST are.",
        "HTTP请求方法不支持，只支持 GET 和 POST 请求。";
    /// Ours.
    NEEDS_TLS: UnsupportedProtocol =
        "The request was sent by plain http to an address that speaks https only.",
        "该地址只支持 https，请求却以 http 发送。";
    /// Ours.
    DISK_FULL: ResourceInsufficient =
        "The disk of the server is full. Nothing was changed.",
        "服务器磁盘已满，未做任何更改。";
    /// Ours.
    STOPPING: ServiceUnavailable = "The server is stopping.", "服务正在停止。";
}

/// The sentence with its places filled. What stands in a place is never read as a place.
pub(crate) fn fill(template: &str, arguments: &[&str]) -> String {
    let mut pieces = template.split('{');
    let mut text = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        let place = piece.split_once('}').and_then(|(index, rest)| {
            let argument = arguments.get(index.parse::<usize>().ok()?)?;
            Some((argument, rest))
        });
        // writing to a String cannot fail
        let _infallible = match place {
            Some((argument, rest)) => write!(text, "{argument}{rest}"),
            None => write!(text, "{{{piece}"),
        };
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table() {
        let rows: Vec<_> = ALL
            .iter()
            .map(|(name, row)| format!("{name} {}\n  {}\n  {}", row.code, row.english, row.chinese))
            .collect();
        insta::assert_snapshot!(rows.join("\n"));
    }

    #[test]
    fn both_languages_have_the_same_places() {
        let places = |text: &str| {
            let mut found: Vec<_> =
                (0..9).filter(|index| text.contains(&format!("{{{index}}}"))).collect();
            found.push(text.matches('{').count());
            found
        };
        for (name, row) in ALL {
            assert_eq!(places(row.english), places(row.chinese), "{name}");
        }
    }

    #[test]
    fn places_are_filled_once() {
        assert_eq!(fill("a `{1}` b `{0}`.", &["{1}", "x"]), "a `x` b `{1}`.");
        assert_eq!(fill("{0}{2} {", &["y"]), "y{2} {");
    }

    #[test]
    fn tags_are_read_as_sdks_write_them() {
        for tag in ["zh-CN", " zh-cn "] {
            assert_eq!(Language::of(tag), Language::Chinese, "{tag}");
        }
        for tag in ["en-US", "", "zh", "de-DE"] {
            assert_eq!(Language::of(tag), Language::English, "{tag}");
        }
    }
}
