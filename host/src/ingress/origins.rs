//! Which web pages may use a channel's widget: those of the sites in its settings, and the host's own.

use axum::http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_MAX_AGE,
    HOST, ORIGIN, VARY,
};
use axum::http::{HeaderMap, HeaderValue};
use axum::response::Response;
use serde_json::Value;
use url::Url;

/// Whether a page may, and how the browser is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Origin {
    /// Not a page of another site: the host's own, or no browser.
    Own,
    /// A page of one of the channel's sites.
    Site(HeaderValue),
    /// A page of any other.
    Stranger,
}

/// Where a request comes from. `schema` says which settings hold sites (`x-origins`).
///
/// No site in the settings means that only the host's own pages may show the widget.
pub(super) fn of(headers: &HeaderMap, public_url: Option<&str>, schema: Option<&Value>, settings: &Value) -> Origin {
    let Some(value) = headers.get(ORIGIN) else { return Origin::Own };
    let Some(origin) = value.to_str().ok().and_then(parse) else { return Origin::Stranger };
    let host = headers.get(HOST).and_then(|host| host.to_str().ok());
    let own = host.is_some_and(|host| origin.split_once("://").is_some_and(|(_, named)| named == host));
    if own || public_url.and_then(parse).is_some_and(|public| public == origin) {
        return Origin::Own;
    }
    if sites(schema, settings).iter().any(|site| allows(site, &origin)) {
        Origin::Site(value.clone())
    } else {
        Origin::Stranger
    }
}

/// The origin of an address as browsers write it: scheme, host, and a port that is not the scheme's own.
fn parse(text: &str) -> Option<String> {
    let origin = Url::parse(text).ok()?.origin();
    origin.is_tuple().then(|| origin.ascii_serialization())
}

fn sites(schema: Option<&Value>, settings: &Value) -> Vec<String> {
    let properties = schema.and_then(|schema| schema.get("properties")).and_then(Value::as_object);
    let names = properties
        .into_iter()
        .flatten()
        .filter(|(_, field)| field.get("x-origins").and_then(Value::as_bool) == Some(true))
        .map(|(name, _)| name);
    names
        .filter_map(|name| settings.get(name))
        .flat_map(|value| match value {
            Value::Array(list) => list.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
            Value::String(text) => text.split([',', ' ', '\n']).map(str::to_owned).collect(),
            _ => Vec::new(),
        })
        .map(|site| site.trim().trim_end_matches('/').to_owned())
        .filter(|site| !site.is_empty())
        .collect()
}

/// A site with a scheme is that origin; a bare name is its https origin, and its http one on this very machine.
fn allows(site: &str, origin: &str) -> bool {
    if site.contains("://") {
        return parse(site).is_some_and(|site| site == origin);
    }
    let https = parse(&format!("https://{site}")).is_some_and(|site| site == origin);
    let name = site.split(':').next().unwrap_or_default();
    let local = matches!(name, "localhost" | "127.0.0.1");
    https || (local && parse(&format!("http://{site}")).is_some_and(|site| site == origin))
}

/// Tells the browser that the page may read the answer. Never with credentials.
pub(super) fn mark(origin: &Origin, response: &mut Response) {
    let headers = response.headers_mut();
    headers.append(VARY, HeaderValue::from_static("origin"));
    if let Origin::Site(site) = origin {
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, site.clone());
        headers.insert(ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static("GET, POST"));
        headers.insert(
            ACCESS_CONTROL_ALLOW_HEADERS,
            HeaderValue::from_static("authorization, content-type, last-event-id"),
        );
        headers.insert(ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("600"));
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn from(origin: &'static str, domain: Value) -> Origin {
        let mut headers = HeaderMap::new();
        headers.insert(ORIGIN, HeaderValue::from_static(origin));
        headers.insert(HOST, HeaderValue::from_static("chat.example"));
        let schema = json!({"properties": {"domain": {"x-origins": true}, "other": {}}});
        of(
            &headers,
            Some("https://public.example"),
            Some(&schema),
            &json!({"domain": domain, "other": ["https://evil.example"]}),
        )
    }

    #[test]
    fn only_the_sites_in_the_settings_and_the_host_itself_may() {
        let sites = json!(["https://shop.example", "bare.example", "localhost:5173"]);
        for allowed in ["https://shop.example", "https://bare.example", "http://localhost:5173"] {
            assert_eq!(from(allowed, sites.clone()), Origin::Site(HeaderValue::from_static(allowed)));
        }
        for own in ["https://chat.example", "http://chat.example", "https://public.example"] {
            assert_eq!(from(own, sites.clone()), Origin::Own);
        }
        let strangers = [
            "http://shop.example",
            "https://shop.example:8443",
            "https://www.shop.example",
            "https://evil.example",
            "http://bare.example",
            "null",
        ];
        for stranger in strangers {
            assert_eq!(from(stranger, sites.clone()), Origin::Stranger, "{stranger}");
        }
    }

    #[test]
    fn without_a_site_only_the_host_itself_may() {
        assert_eq!(from("https://shop.example", json!([])), Origin::Stranger);
        assert_eq!(from("https://chat.example", json!([])), Origin::Own);
    }
}
