//! `[[oauth2]]`: how somebody signs in with the provider (RFC 6749, RFC 7636), as data. The host carries it out, so that no
//! plugin sees a code or a token; what is asked and what is read from the answer stands in `oauth2`.

use serde::{Deserialize, Serialize};
use url::Url;

use super::destination::Destination;
use super::secret::{Origin, Scope, SecretDecl};
use super::section::Section;
use super::webhook::{SettingIs, placeholders, setting_is};

/// One way to sign in. Of all the first whose setting matches decides.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OAuth2 {
    /// Only where a setting of the channel has this value.
    pub when: Option<SettingIs>,
    /// Where the person's browser is sent.
    pub authorize: Url,
    /// What is asked for.
    pub scopes: Vec<String>,
    /// What stands between scopes: a space by the standard, a comma at some providers.
    pub scope_separator: String,
    /// Whether the code is bound to a verifier (S256).
    pub pkce: bool,
    /// The setting of the registration that holds the client's id.
    pub client_id: String,
    /// The secret of the registration that the provider knows the client by; none: a public client.
    pub client_secret: Option<String>,
    /// More parameters for the address that the browser is sent to.
    pub params: Vec<(String, String)>,
    /// From the code to a token.
    pub token: Step,
    /// The channel's secret that the token becomes.
    pub access_token: String,
    /// The channel's secret that a token for renewing becomes, where the provider hands one out.
    pub refresh_token: Option<String>,
    /// From a token that lives for an hour to one that lives for weeks, at once after the first.
    pub exchange: Option<Step>,
    /// From a token that is about to end to the next; none: somebody has to sign in again.
    pub refresh: Option<Refresh>,
    /// How the provider is told that the token is given back.
    pub revoke: Option<Step>,
}

/// One request to the provider.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Step {
    /// Always https.
    pub url: Url,
    /// POST sends a form; with GET and DELETE the parameters stand in the query.
    pub method: Method,
    /// How the client says who it is.
    pub client_auth: ClientAuth,
    /// `${client_id}`, `${client_secret}`, `${access_token}` and `${refresh_token}` are written in by the host.
    pub params: Vec<(String, String)>,
    /// JSON Pointers of the object that holds `access_token`; the first that does decides.
    pub at: Vec<String>,
}

/// How a token is renewed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Refresh {
    /// The request.
    pub step: Step,
    /// How long before its end, in milliseconds.
    pub ahead_ms: u64,
}

/// An HTTP method of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Method {
    /// Parameters in the query.
    Get,
    /// Parameters as a form.
    Post,
    /// Parameters in the query.
    Delete,
}

impl Method {
    /// As it stands in a request.
    pub fn name(self) -> &'static str {
        match self {
            Method::Get => "GET",
            Method::Post => "POST",
            Method::Delete => "DELETE",
        }
    }
}

/// How the client says who it is (RFC 6749, section 2.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ClientAuth {
    /// `client_id` and `client_secret` as parameters.
    Body,
    /// HTTP Basic.
    Basic,
    /// Only what `params` says.
    None,
}

/// A token shorter than this is renewed too often to be of use.
const LEAST_AHEAD_MS: u64 = 60_000;

/// Names that stand for what only the host knows.
const KNOWN: [&str; 4] = ["client_id", "client_secret", "access_token", "refresh_token"];

impl OAuth2 {
    /// Whether a channel with these settings signs in this way.
    pub fn applies(&self, settings: &serde_json::Value) -> bool {
        self.when
            .as_ref()
            .is_none_or(|when| settings.get(&when.setting).and_then(|value| value.as_str()) == Some(&when.is))
    }

    /// Every request that it makes, with the key that describes it.
    pub fn steps(&self) -> impl Iterator<Item = (&'static str, &Step)> {
        let refresh = self.refresh.as_ref().map(|refresh| ("refresh", &refresh.step));
        [("token", &self.token)]
            .into_iter()
            .chain(self.exchange.as_ref().map(|step| ("exchange", step)))
            .chain(refresh)
            .chain(self.revoke.as_ref().map(|step| ("revoke", step)))
    }

    /// Names of the secrets that a step carries.
    fn carried<'s>(&'s self, step: &'s Step) -> impl Iterator<Item = &'s str> {
        let client = (step.client_auth != ClientAuth::None).then_some("client_secret");
        let named = step.params.iter().flat_map(|(_, value)| placeholders(value));
        named.chain(client).filter_map(|word| match word {
            "client_secret" => self.client_secret.as_deref(),
            "access_token" => Some(self.access_token.as_str()),
            "refresh_token" => self.refresh_token.as_deref(),
            _ => None,
        })
    }
}

pub(super) fn read(section: &Section<'_>) -> Option<OAuth2> {
    let when = section.table("when").map(|when| setting_is(&when));
    let authorize = address(section, "authorize");
    let scopes = section.strings("scopes");
    let scope_separator = section.string("scope-separator").unwrap_or_else(|| " ".to_owned());
    let pkce = section.boolean("pkce").unwrap_or(true);
    let client_id = section.required("client-id");
    let client_secret = section.string("client-secret");
    let params = section.table("params").map(|params| params.named_strings()).unwrap_or_default();
    let token = section.table("token");
    if token.is_none() {
        section.fault("token", "is required: where a code becomes a token");
    }
    let given = token.as_ref().map(|token| (token.required("access-token"), token.string("refresh-token")));
    let token = token.and_then(|token| step(&token, ClientAuth::Body));
    let exchange = section.table("exchange").map(|section| step(&section, ClientAuth::None));
    let refresh = section.table("refresh").map(|section| refresh(&section));
    let revoke = section.table("revoke").map(|section| step(&section, ClientAuth::None));
    section.finish();
    let (access_token, refresh_token) = given?;
    Some(OAuth2 {
        when,
        authorize: authorize?,
        scopes,
        scope_separator,
        pkce,
        client_id,
        client_secret,
        params,
        token: token?,
        access_token,
        refresh_token,
        exchange: flattened(exchange)?,
        refresh: flattened(refresh)?,
        revoke: flattened(revoke)?,
    })
}

/// None where what is there could not be read.
#[allow(clippy::option_option, reason = "absent is not the same as wrong")]
fn flattened<T>(read: Option<Option<T>>) -> Option<Option<T>> {
    match read {
        None => Some(None),
        Some(None) => None,
        Some(step) => Some(step),
    }
}

fn refresh(section: &Section<'_>) -> Option<Refresh> {
    let ahead_ms = section.number("ahead-ms").unwrap_or(600_000);
    if ahead_ms < LEAST_AHEAD_MS {
        section.fault("ahead-ms", format!("at least {LEAST_AHEAD_MS}"));
    }
    let mut step = step(section, ClientAuth::Body)?;
    if step.params.is_empty() {
        step.params = [("grant_type", "refresh_token"), ("refresh_token", "${refresh_token}")]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .to_vec();
    }
    Some(Refresh { step, ahead_ms })
}

fn step(section: &Section<'_>, usual: ClientAuth) -> Option<Step> {
    let url = address(section, "url");
    let methods = [("GET", Method::Get), ("POST", Method::Post), ("DELETE", Method::Delete)];
    let words = [("body", ClientAuth::Body), ("basic", ClientAuth::Basic), ("none", ClientAuth::None)];
    let step = Step {
        method: section.word("method", &methods, Method::Post),
        client_auth: section.word("client-auth", &words, usual),
        params: section.table("params").map(|params| params.named_strings()).unwrap_or_default(),
        at: pointers(section),
        url: url?,
    };
    for word in step.params.iter().flat_map(|(_, value)| placeholders(value)).filter(|word| !KNOWN.contains(word)) {
        section.fault(
            "params",
            format!("`${{{word}}}` is none of {}", KNOWN.map(|word| format!("`${{{word}}}`")).join(", ")),
        );
    }
    section.finish();
    Some(step)
}

fn pointers(section: &Section<'_>) -> Vec<String> {
    let pointers = section.parsed("at", |word| match word.is_empty() || word.starts_with('/') {
        true => Ok(word.to_owned()),
        false => Err("a JSON Pointer: \"\" or one that begins with a slash".to_owned()),
    });
    if pointers.is_empty() { vec![String::new()] } else { pointers }
}

fn address(section: &Section<'_>, key: &'static str) -> Option<Url> {
    let text = section.required(key);
    let url = Url::parse(&text).ok().filter(|url| url.scheme() == "https" && url.username().is_empty());
    if url.is_none() && !text.is_empty() {
        section.fault(key, "an https address");
    }
    url
}

/// What the section cannot see alone: that its secrets exist and may go where it sends them, and that an `[[egress]]` allows
/// every request, so that who reads that list sees every address.
pub(super) fn agree(section: &Section<'_>, flow: &OAuth2, secrets: &[SecretDecl], egress: &[Destination]) {
    let named = |name: &str| secrets.iter().find(|secret| secret.name == name);
    if let Some(name) = &flow.client_secret
        && !named(name).is_some_and(|secret| secret.scope == Scope::App)
    {
        section.fault("client-secret", format!("`{name}` is no [[secret]] with scope = \"app\""));
    }
    for name in std::iter::once(&flow.access_token).chain(&flow.refresh_token) {
        if !named(name).is_some_and(|secret| secret.scope == Scope::Channel && secret.origin == Origin::Obtained) {
            let words = format!("`{name}` is no [[secret]] with scope = \"channel\" and origin = \"obtained\"");
            section.fault("token", words);
        }
    }
    let renews = flow.refresh.iter().flat_map(|refresh| &refresh.step.params);
    if flow.refresh_token.is_none()
        && renews.flat_map(|(_, value)| placeholders(value)).any(|word| word == "refresh_token")
    {
        section.fault("refresh", "uses ${refresh_token}, which `token` keeps under no name: give it a `refresh-token`");
    }
    for (key, step) in flow.steps() {
        let method = step.method.name();
        if !egress.iter().any(|allowed| allowed.allows(method, &step.url)) {
            let host = step.url.host_str().unwrap_or_default();
            section.fault(
                key,
                format!("{method} {} is allowed by no [[egress]]; add one with host = \"{host}\"", step.url),
            );
        }
        for secret in flow.carried(step).filter_map(named) {
            if !secret.destinations.iter().any(|target| target.matches(&step.url)) {
                let words =
                    format!("sends the secret `{}` to {}, which is none of its destinations", secret.name, step.url);
                section.fault(key, words);
            }
        }
    }
}
