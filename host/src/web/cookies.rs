//! The cookies that the host sets: which name each has, and how it is read and written.
//!
//! Over https a cookie is `__Host-`: a browser takes such a one only from this very origin, secure and for every path, so that no
//! neighbouring name can plant one. Over plain http, which is for this machine alone, browsers refuse the prefix.

use axum::http::header::COOKIE;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue};

use super::state::State;

/// One cookie, by its name without a prefix.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cookie {
    plain: &'static str,
    secure: &'static str,
}

/// The session of a person who is signed in.
pub(crate) const SESSION: Cookie = Cookie { plain: "sambung_session", secure: "__Host-sambung_session" };
/// What the browser holds that left for a provider to sign in, and no other.
pub(crate) const SIGN_IN: Cookie = Cookie { plain: "sambung_sign_in", secure: "__Host-sambung_sign_in" };
/// The language that a person chose for pages.
pub(crate) const LANGUAGE: Cookie = Cookie { plain: "sambung_language", secure: "__Host-sambung_language" };
/// The theme that a person chose for pages.
pub(crate) const THEME: Cookie = Cookie { plain: "sambung_theme", secure: "__Host-sambung_theme" };
/// The time zone of a person's device.
pub(crate) const ZONE: Cookie = Cookie { plain: "sambung_zone", secure: "__Host-sambung_zone" };

fn is_secure(state: &State) -> bool {
    state.config.server.public_url().is_some_and(|url| url.starts_with("https:"))
}

impl Cookie {
    fn name(self, secure: bool) -> &'static str {
        if secure { self.secure } else { self.plain }
    }

    /// The value that a request brings, under the one name that counts here.
    pub(crate) fn read(self, parts: &Parts, state: &State) -> Option<String> {
        self.find(&parts.headers, is_secure(state))
    }

    fn find(self, headers: &HeaderMap, secure: bool) -> Option<String> {
        let wanted = self.name(secure);
        headers
            .get_all(COOKIE)
            .iter()
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(';'))
            .filter_map(|pair| pair.trim().split_once('='))
            .find(|(name, _)| *name == wanted)
            .map(|(_, value)| value.to_owned())
    }

    /// Sets the cookie for so many seconds; no script of a page ever reads it. An empty value for 0 seconds takes it away.
    pub(crate) fn set(self, state: &State, value: &str, seconds: i64) -> Option<HeaderValue> {
        HeaderValue::from_str(&self.line(value, seconds, is_secure(state))).ok()
    }

    fn line(self, value: &str, seconds: i64, secure: bool) -> String {
        let name = self.name(secure);
        let secure = if secure { "; Secure" } else { "" };
        format!("{name}={value}; Path=/; HttpOnly; SameSite=Lax; Max-Age={seconds}{secure}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn over_https_only_the_prefixed_name_counts() {
        let line = SESSION.line("v", 60, true);
        assert_eq!(line, "__Host-sambung_session=v; Path=/; HttpOnly; SameSite=Lax; Max-Age=60; Secure");
        let mut headers = HeaderMap::new();
        headers.append(COOKIE, HeaderValue::from_static("sambung_session=planted; x=1"));
        assert_eq!(SESSION.find(&headers, true), None);
        assert_eq!(SESSION.find(&headers, false).as_deref(), Some("planted"));
        headers.append(COOKIE, HeaderValue::from_static("x=2; __Host-sambung_session=own"));
        assert_eq!(SESSION.find(&headers, true).as_deref(), Some("own"));
    }
}
