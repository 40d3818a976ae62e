//! Signing in with a provider, as a browser sees it: the address that leads there, and the one it comes back to. In a pop-up the
//! last page tells its opener and closes itself; in the same tab the browser is sent on.

use axum::Router;
use axum::extract::{FromRequestParts, Path, Query, Request, State as Axum};
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, LOCATION, REFERRER_POLICY, SET_COOKIE, X_CONTENT_TYPE_OPTIONS,
};
use axum::http::request::Parts;
use axum::http::{HeaderValue, StatusCode};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::json;
use sha2::{Digest, Sha256};
use url::form_urlencoded;

use super::caller::Caller;
use super::cookies;
use super::language::Language;
use super::problem::Problem;
use super::state::State;
use crate::auth::Role;
use crate::channels::{Arrived, Brought, ChannelError, SignInError};
use crate::model::shown::channel::ChannelStep;

/// `/sign-in/{ticket}` and `/sign-in/callback`.
pub fn routes() -> Router<State> {
    Router::new().route("/sign-in/callback", get(callback)).route("/sign-in/{ticket}", get(leave))
}

/// How long the browser that left is known, in seconds: as long as a sign-in lasts.
const BROWSER_S: i64 = 3600;

/// Tells whoever opened the pop-up, and every page of this host that listens, then closes it.
const SCRIPT: &str = "const told = { type: 'sambung:sign-in', ...JSON.parse(document.querySelector('main').dataset.result) };\
if (window.opener) window.opener.postMessage(told, location.origin);\
new BroadcastChannel('sambung:sign-in').postMessage(told);\
if (told.state !== 'failed') window.close();";

/// What a provider puts into the address.
#[derive(Deserialize)]
struct Answer {
    #[serde(default)]
    state: String,
    code: Option<String>,
    error: Option<String>,
    error_description: Option<String>,
    error_reason: Option<String>,
    error_message: Option<String>,
}

impl Answer {
    fn brought(self) -> Brought {
        match (self.code.filter(|code| !code.is_empty()), self.error) {
            (Some(code), None) => Brought::Code(code),
            (_, error) => Brought::Nothing {
                error: error.unwrap_or_else(|| "no code came back".to_owned()),
                words: self.error_description.or(self.error_message).or(self.error_reason).unwrap_or_default(),
            },
        }
    }
}

/// What a page says, in one language.
struct Words {
    title: &'static str,
    done: &'static str,
    goes_on: &'static str,
    close: &'static str,
    failed: &'static str,
    denied: &'static str,
    again: &'static str,
    over: &'static str,
    other_session: &'static str,
    other_browser: &'static str,
    later: &'static str,
}

const ENGLISH: Words = Words {
    title: "Sign in",
    done: "You are signed in and the channel is connected.",
    goes_on: "You are signed in. Go on in Sambung: there is something left to do.",
    close: "You can close this window.",
    failed: "The channel was not connected.",
    denied: "The provider was not allowed to connect the channel.",
    again: "Try again",
    over: "This sign-in is over or was used already. Begin again in Sambung.",
    other_session: "Somebody else began this sign-in. Sign in to Sambung in this browser as the person who did, then open the link again.",
    other_browser: "This sign-in was begun in another browser. Open the link from Sambung again and finish it in one browser.",
    later: "This does not work right now. Try again in a moment.",
};

const INDONESIAN: Words = Words {
    title: "Masuk",
    done: "Anda sudah masuk dan kanal sudah terhubung.",
    goes_on: "Anda sudah masuk. Lanjutkan di Sambung: masih ada yang perlu dilakukan.",
    close: "Anda boleh menutup jendela ini.",
    failed: "Kanal tidak terhubung.",
    denied: "Penyedia tidak diizinkan menghubungkan kanal ini.",
    again: "Coba lagi",
    over: "Proses masuk ini sudah berakhir atau sudah dipakai. Mulai lagi di Sambung.",
    other_session: "Proses masuk ini dimulai oleh orang lain. Masuk ke Sambung di browser ini sebagai orang tersebut, lalu buka tautannya lagi.",
    other_browser: "Proses masuk ini dimulai di browser lain. Buka lagi tautannya dari Sambung dan selesaikan di satu browser.",
    later: "Saat ini belum bisa. Coba lagi sebentar lagi.",
};

fn words(language: Language) -> &'static Words {
    if language.0 == "id" { &INDONESIAN } else { &ENGLISH }
}

/// What the browser presents.
struct Presented {
    /// The session of an admin who is signed in here.
    session: Option<String>,
    browser: Option<String>,
    language: Language,
}

impl Presented {
    async fn of(parts: &mut Parts, state: &State) -> Presented {
        let caller = Caller::from_request_parts(parts, state).await.ok();
        let session = caller.filter(|caller| caller.user.is_some() && caller.role >= Role::Admin);
        let language = Language::from_request_parts(parts, state).await.unwrap_or(Language("en"));
        Presented {
            session: session.map(|caller| caller.token),
            browser: cookies::SIGN_IN.read(parts, state),
            language,
        }
    }
}

/// The browser leaves for the provider.
async fn leave(Axum(state): Axum<State>, Path(ticket): Path<String>, request: Request) -> Response {
    let (mut parts, _) = request.into_parts();
    let presented = Presented::of(&mut parts, &state).await;
    let left =
        state.channels.leave_for_provider(&ticket, presented.session.as_deref(), presented.browser.as_deref()).await;
    match left {
        Ok(leaving) => sent(&leaving.url, cookies::SIGN_IN.set(&state, &leaving.browser, BROWSER_S)),
        Err(error) => stopped(words(presented.language), presented.language, &error),
    }
}

/// The browser comes back.
async fn callback(
    Axum(state): Axum<State>,
    answer: Result<Query<Answer>, axum::extract::rejection::QueryRejection>,
    request: Request,
) -> Response {
    let (mut parts, _) = request.into_parts();
    let presented = Presented::of(&mut parts, &state).await;
    let words = words(presented.language);
    let Ok(Query(answer)) = answer else { return stopped(words, presented.language, &SignInError::Over) };
    let given = answer.state.clone();
    let (session, browser) = (presented.session.as_deref(), presented.browser.as_deref());
    match state.channels.return_from_provider(&given, session, browser, answer.brought()).await {
        Ok(arrived) => ended(&state, &presented, arrived).await,
        Err(error) => stopped(words, presented.language, &error),
    }
}

async fn ended(state: &State, presented: &Presented, arrived: Arrived) -> Response {
    let language = presented.language;
    let connected = match state.db.channel(&arrived.channel).await {
        Ok(Some(row)) => row.step.is_none(),
        _ => false,
    };
    let outcome = match (&arrived.result, connected) {
        (Err(_), _) => "failed",
        (Ok(()), true) => "connected",
        (Ok(()), false) => "goes-on",
    };
    if let Some(path) = &arrived.return_to {
        let joint = if path.contains('?') { '&' } else { '?' };
        let result = if arrived.result.is_ok() { "ok" } else { "failed" };
        let query: String = form_urlencoded::Serializer::new(String::new())
            .append_pair("channel", &arrived.channel)
            .append_pair("sign_in", result)
            .finish();
        return sent(&format!("{path}{joint}{query}"), None);
    }
    let words = words(language);
    let error = arrived.result.as_ref().err();
    let told = json!({
        "channel": arrived.channel,
        "state": outcome,
        "error": error.map(|failure| json!({ "code": failure.code, "detail": failure.words })),
    });
    let body = match error {
        None => {
            let first = if outcome == "connected" { words.done } else { words.goes_on };
            format!("<p role=\"status\">{first}</p><p>{}</p>", words.close)
        }
        Some(failure) => {
            let first = if failure.code == "denied" { words.denied } else { words.failed };
            let again = again(state, &arrived.channel).await;
            let again = again.map(|url| format!("<p><a href=\"{}\">{}</a></p>", escape(&url), words.again));
            format!("<p role=\"alert\">{first}</p><p>{}</p>{}", escape(&failure.words), again.unwrap_or_default())
        }
    };
    let status = if error.is_some() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    page(status, (words, language), &body, Some(&told.to_string()))
}

/// The address to try the same sign-in again, while it is not over.
async fn again(state: &State, channel: &str) -> Option<String> {
    let row = state.db.channel(channel).await.ok()??;
    let shown = state.channels.show(&row.workspace, channel, true).await.ok()?;
    match shown.step {
        Some(ChannelStep::Authorize { url, .. }) => url,
        _ => None,
    }
}

fn stopped(words: &Words, language: Language, error: &SignInError) -> Response {
    let (status, text) = match error {
        SignInError::Over => (StatusCode::GONE, words.over),
        SignInError::OtherSession => (StatusCode::FORBIDDEN, words.other_session),
        SignInError::OtherBrowser => (StatusCode::FORBIDDEN, words.other_browser),
        SignInError::Channel(ChannelError::Db(_)) => (StatusCode::SERVICE_UNAVAILABLE, words.later),
        SignInError::Channel(_) => (StatusCode::CONFLICT, words.failed),
    };
    let detail = match error {
        SignInError::Channel(ChannelError::Db(_)) | SignInError::Over => String::new(),
        SignInError::Channel(error) => format!("<p>{}</p>", escape(&error.to_string())),
        _ => String::new(),
    };
    page(status, (words, language), &format!("<p role=\"alert\">{text}</p>{detail}"), None)
}

/// The address held what is good once: it stays in no cache and travels on as no referrer.
fn sent(url: &str, cookie: Option<HeaderValue>) -> Response {
    let location = match HeaderValue::from_str(url) {
        Ok(location) => location,
        Err(error) => return Problem::internal(&error).into_response(),
    };
    let headers = [
        (LOCATION, location),
        (CACHE_CONTROL, HeaderValue::from_static("no-store")),
        (REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    ];
    let mut response = (StatusCode::SEE_OTHER, headers).into_response();
    if let Some(cookie) = cookie {
        response.headers_mut().insert(SET_COOKIE, cookie);
    }
    response
}

/// `result` is told to the opener by a script; without one there is no script.
fn page(status: StatusCode, (words, language): (&Words, Language), body: &str, result: Option<&str>) -> Response {
    let script = result.map(|_| format!("<script>{SCRIPT}</script>")).unwrap_or_default();
    let data = result.map(|result| format!(" data-result=\"{}\"", escape(result))).unwrap_or_default();
    let html = format!(
        "<!doctype html><html lang=\"{}\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width\"><title>{}</title><style>\
         :root{{color-scheme:light dark;--loud:light-dark(#b00020,#ff8a80)}}\
         body{{font:1rem/1.5 system-ui,sans-serif;max-width:26rem;margin:3rem auto;padding:0 1rem}}\
         [role=alert]{{color:var(--loud)}}</style></head>\
         <body><main{data}><h1>{}</h1>{body}</main>{script}</body></html>",
        language.0, words.title, words.title
    );
    let digest = STANDARD.encode(Sha256::digest(SCRIPT.as_bytes()));
    let policy = format!(
        "default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{digest}'; base-uri 'none'; frame-ancestors 'none'"
    );
    let headers = [
        (
            CONTENT_SECURITY_POLICY,
            HeaderValue::from_str(&policy).unwrap_or(HeaderValue::from_static("default-src 'none'")),
        ),
        (REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
        (CACHE_CONTROL, HeaderValue::from_static("no-store")),
        (X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    ];
    (status, headers, Html(html)).into_response()
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
