//! Signing in with a provider (OAuth 2.0: RFC 6749, RFC 7636), carried out from a manifest's data: the address for the
//! person's browser, and the requests that turn a code into tokens, renew them and give them back.
//!
//! It knows no database and no plugin code: who asks brings the client's credentials, and keeps what comes back.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use bytes::Bytes;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;
use sha2::{Digest, Sha256};
use url::Url;
use zeroize::Zeroizing;

use crate::egress::{Client, DialError};
use crate::manifest::{ClientAuth, Method, OAuth2, OAuth2Step};
use crate::services::SecretValue;

/// How long a provider may take; a code lives for half a minute at some of them.
const PATIENCE: Duration = Duration::from_secs(20);
/// The longest answer that is read.
const MOST_BYTES: usize = 64 << 10;
/// The most of a provider's words that is passed on.
const MOST_WORDS: usize = 500;

/// What stands unescaped in a form (RFC 3986, unreserved).
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Who this host is to the provider.
#[derive(Debug, Clone)]
pub struct OAuthClient {
    /// Public.
    pub id: String,
    /// None for a public client.
    pub secret: Option<SecretValue>,
}

/// What a provider handed out.
#[derive(Debug, Clone)]
pub struct Tokens {
    /// What requests carry.
    pub access: SecretValue,
    /// What renews it; a new one takes the place of the old.
    pub refresh: Option<SecretValue>,
    /// For how long the first one is good, in milliseconds; none: until it is withdrawn.
    pub lasts_ms: Option<u64>,
}

/// Why there are no tokens.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OAuthError {
    /// The provider refuses: the code, the token or the client is not good (any more).
    #[error("{words}")]
    Refused {
        /// Its code for it.
        code: Option<String>,
        /// Its words.
        words: String,
    },
    /// No answer for now; the same request may go well later.
    #[error("{words}")]
    Unavailable {
        /// What happened.
        words: String,
        /// How long the provider wants to be left alone, in milliseconds.
        retry_after_ms: Option<u64>,
    },
    /// An answer that makes no sense, or a request that the policy forbids.
    #[error("{0}")]
    Broken(String),
}

/// A verifier for one sign-in (RFC 7636): what is kept, and what the provider is shown of it.
#[derive(Debug, Clone)]
pub struct Pkce {
    /// 43 characters.
    pub verifier: SecretValue,
    /// Its SHA-256.
    pub challenge: String,
}

impl Pkce {
    /// From 32 random bytes.
    pub fn new(random: [u8; 32]) -> Pkce {
        let verifier = URL_SAFE_NO_PAD.encode(random);
        let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(verifier.as_bytes()));
        Pkce { verifier: verifier.into(), challenge }
    }
}

/// Where the person's browser is sent. `challenge` only where the flow says `pkce`.
pub fn authorize_url(flow: &OAuth2, client: &OAuthClient, redirect: &str, state: &str, challenge: Option<&str>) -> Url {
    let mut url = flow.authorize.clone();
    {
        let mut query = url.query_pairs_mut();
        query.append_pair("response_type", "code");
        query.append_pair("client_id", &client.id);
        query.append_pair("redirect_uri", redirect);
        query.append_pair("state", state);
        if !flow.scopes.is_empty() {
            query.append_pair("scope", &flow.scopes.join(&flow.scope_separator));
        }
        if let Some(challenge) = challenge {
            query.append_pair("code_challenge", challenge).append_pair("code_challenge_method", "S256");
        }
        for (name, value) in &flow.params {
            query.append_pair(name, value);
        }
    }
    url
}

/// The provider's side of a flow, for one client.
pub struct Provider<'a> {
    /// As the manifest describes it.
    pub flow: &'a OAuth2,
    /// Who this host is.
    pub client: &'a OAuthClient,
    /// On whose behalf: connections are not shared between workspaces.
    pub workspace: &'a str,
    pub(crate) dials: &'a Client,
}

/// A parameter with its value, which may be a secret.
type Param = (String, Zeroizing<String>);

impl Provider<'_> {
    /// From the code of a sign-in to tokens, the long-lived ones where the flow exchanges them.
    ///
    /// # Errors
    /// See [`OAuthError`]. A code is good once, so nothing here is tried again.
    pub async fn tokens(
        &self,
        code: &str,
        redirect: &str,
        verifier: Option<&SecretValue>,
    ) -> Result<Tokens, OAuthError> {
        let mut params: Vec<Param> = Vec::new();
        let mut add = |name: &str, value: &str| params.push((name.to_owned(), value.to_owned().into()));
        add("grant_type", "authorization_code");
        add("code", code);
        add("redirect_uri", redirect);
        if let Some(verifier) = verifier {
            add("code_verifier", &text(verifier));
        }
        let first = self.ask_for_tokens(&self.flow.token, params, None).await?;
        let Some(exchange) = &self.flow.exchange else { return Ok(first) };
        let next = self.ask_for_tokens(exchange, Vec::new(), Some(&first)).await?;
        Ok(Tokens { refresh: next.refresh.or(first.refresh), ..next })
    }

    /// The next tokens. Where the provider hands out no new token for renewing, the old one stays.
    ///
    /// # Errors
    /// See [`OAuthError`]; refused means that somebody has to sign in again.
    pub async fn renew(&self, tokens: &Tokens) -> Result<Tokens, OAuthError> {
        let Some(refresh) = &self.flow.refresh else {
            return Err(OAuthError::Broken("this provider's tokens cannot be renewed".to_owned()));
        };
        let next = self.ask_for_tokens(&refresh.step, Vec::new(), Some(tokens)).await?;
        Ok(Tokens { refresh: next.refresh.or_else(|| tokens.refresh.clone()), ..next })
    }

    /// Gives tokens back. No step: nothing to do.
    ///
    /// # Errors
    /// See [`OAuthError`].
    pub async fn revoke(&self, tokens: &Tokens) -> Result<(), OAuthError> {
        let Some(step) = &self.flow.revoke else { return Ok(()) };
        self.ask(step, Vec::new(), Some(tokens)).await.map(drop)
    }

    async fn ask_for_tokens(
        &self,
        step: &OAuth2Step,
        params: Vec<Param>,
        tokens: Option<&Tokens>,
    ) -> Result<Tokens, OAuthError> {
        let body = self.ask(step, params, tokens).await?;
        let answer: Value = serde_json::from_slice(&body)
            .map_err(|_| OAuthError::Broken("the provider answered with something else than JSON".to_owned()))?;
        let held = step.at.iter().filter_map(|pointer| answer.pointer(pointer));
        let found = held.into_iter().find(|object| object["access_token"].is_string());
        let Some(object) = found else {
            return Err(OAuthError::Broken("the provider's answer has no access_token".to_owned()));
        };
        let secret = |name: &str| {
            object[name].as_str().filter(|value| !value.is_empty()).map(|value| SecretValue::from(value.to_owned()))
        };
        let access = secret("access_token")
            .ok_or_else(|| OAuthError::Broken("the provider's answer has an empty access_token".to_owned()))?;
        let seconds = object["expires_in"].as_u64().or_else(|| object["expires_in"].as_str()?.parse().ok());
        let lasts_ms = seconds.filter(|seconds| *seconds > 0).map(|seconds| seconds.saturating_mul(1000));
        Ok(Tokens { access, refresh: secret("refresh_token"), lasts_ms })
    }

    async fn ask(
        &self,
        step: &OAuth2Step,
        mut params: Vec<Param>,
        tokens: Option<&Tokens>,
    ) -> Result<Zeroizing<Vec<u8>>, OAuthError> {
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        for (name, value) in &step.params {
            params.push((name.clone(), self.written(value, tokens)));
        }
        match step.client_auth {
            ClientAuth::None => {}
            ClientAuth::Basic => {
                headers.insert(AUTHORIZATION, self.basic()?);
            }
            ClientAuth::Body => {
                params.push(("client_id".to_owned(), self.client.id.clone().into()));
                if let Some(secret) = &self.client.secret {
                    params.push(("client_secret".to_owned(), text(secret)));
                }
            }
        }
        let form = form(&params);
        let mut url = step.url.clone();
        let body = match step.method {
            Method::Post => {
                headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"));
                Bytes::copy_from_slice(form.as_bytes())
            }
            Method::Get | Method::Delete => {
                let own = url.query().map(|own| format!("{own}&")).unwrap_or_default();
                url.set_query(Some(&format!("{own}{}", form.as_str())));
                Bytes::new()
            }
        };
        let method = match step.method {
            Method::Get => http::Method::GET,
            Method::Post => http::Method::POST,
            Method::Delete => http::Method::DELETE,
        };
        let answer = self
            .dials
            .ask(self.workspace, (method, url), headers, body, PATIENCE, MOST_BYTES)
            .await
            .map_err(|error| unanswered(&error))?;
        if (200..300).contains(&answer.status) {
            return Ok(Zeroizing::new(answer.body.to_vec()));
        }
        let client = self.client.secret.as_ref().map(text);
        let secrets: Vec<&str> =
            params.iter().map(|(_, value)| value.as_str()).chain(client.iter().map(|value| value.as_str())).collect();
        Err(refusal(answer.status, &answer.headers, &answer.body, &secrets))
    }

    /// A parameter with what only the host knows written in.
    fn written(&self, template: &str, tokens: Option<&Tokens>) -> Zeroizing<String> {
        let mut out = Zeroizing::new(String::new());
        let mut rest = template;
        while let Some((before, after)) = rest.split_once("${") {
            let Some((word, after)) = after.split_once('}') else { break };
            out.push_str(before);
            match word {
                "client_id" => out.push_str(&self.client.id),
                "client_secret" => out.push_str(&self.client.secret.as_ref().map(text).unwrap_or_default()),
                "access_token" => out.push_str(&tokens.map(|tokens| text(&tokens.access)).unwrap_or_default()),
                "refresh_token" => {
                    let refresh = tokens.and_then(|tokens| tokens.refresh.as_ref());
                    out.push_str(&refresh.map(text).unwrap_or_default());
                }
                _ => {}
            }
            rest = after;
        }
        out.push_str(rest);
        out
    }

    /// Id and secret are form-encoded first (RFC 6749, section 2.3.1).
    fn basic(&self) -> Result<HeaderValue, OAuthError> {
        let secret = self.client.secret.as_ref().map(text).unwrap_or_default();
        let pair = Zeroizing::new(format!("{}:{}", escaped(&self.client.id), escaped(&secret)));
        let mut value = HeaderValue::from_str(&format!("Basic {}", STANDARD.encode(pair.as_bytes())))
            .map_err(|_| OAuthError::Broken("the client's id or secret cannot stand in a header".to_owned()))?;
        value.set_sensitive(true);
        Ok(value)
    }
}

fn text(secret: &SecretValue) -> Zeroizing<String> {
    Zeroizing::new(String::from_utf8_lossy(secret.expose()).into_owned())
}

fn escaped(text: &str) -> String {
    utf8_percent_encode(text, ESCAPED).to_string()
}

fn form(params: &[Param]) -> Zeroizing<String> {
    let mut form = Zeroizing::new(String::new());
    for (name, value) in params {
        if !form.is_empty() {
            form.push('&');
        }
        form.push_str(&escaped(name));
        form.push('=');
        form.extend(utf8_percent_encode(value, ESCAPED));
    }
    form
}

fn unanswered(error: &DialError) -> OAuthError {
    use crate::egress::DialFault::{Blocked, Invalid};
    match error.fault {
        Blocked | Invalid => OAuthError::Broken(error.words.clone()),
        _ => OAuthError::Unavailable { words: error.words.clone(), retry_after_ms: None },
    }
}

/// What an answer that is no success means. The standard's form (RFC 6749, section 5.2) and the others that are common.
fn refusal(status: u16, headers: &HeaderMap, body: &[u8], secrets: &[&str]) -> OAuthError {
    let answer: Value = serde_json::from_slice(body).unwrap_or_default();
    let error = &answer["error"];
    let first = |candidates: &[&Value]| candidates.iter().find_map(|value| value.as_str()).map(str::to_owned);
    let code = first(&[error, &answer["error_type"], &error["type"]])
        .or_else(|| error["code"].as_i64().map(|code| code.to_string()));
    let words = first(&[
        &answer["error_description"],
        &error["message"],
        &answer["error_message"],
        &answer["detail"],
        &answer["errors"][0]["message"],
        &answer["title"],
        error,
    ]);
    let words = words.unwrap_or_else(|| format!("the provider answered {status}"));
    let mut words: String = words.chars().filter(|c| !c.is_control()).take(MOST_WORDS).collect();
    // A short value is a word of the protocol, such as the kind of grant.
    for secret in secrets.iter().filter(|secret| secret.len() >= 16) {
        words = words.replace(secret, "***");
    }
    let passing = matches!(code.as_deref(), Some("temporarily_unavailable" | "server_error" | "slow_down"));
    if status >= 500 || matches!(status, 408 | 425 | 429) || passing || error["is_transient"] == true {
        let seconds = headers.get(http::header::RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
        return OAuthError::Unavailable { words, retry_after_ms: seconds.map(|seconds| seconds.saturating_mul(1000)) };
    }
    // Whoever looks after tokens says what is wrong with one, or at least that nobody is let in. Anything else (somebody in
    // between, an address that moved) says nothing about it.
    if status == 401 || (matches!(status, 400 | 403) && answer.is_object()) {
        return OAuthError::Refused { code, words };
    }
    OAuthError::Broken(words)
}

#[cfg(test)]
mod tests;
