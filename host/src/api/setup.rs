//! The first operator's page: a form without a script, in English and Indonesian, behind the link that `serve` prints.

use axum::extract::{DefaultBodyLimit, Form, Path, State as Axum};
use axum::http::header::{ACCEPT_LANGUAGE, CACHE_CONTROL, CONTENT_SECURITY_POLICY, REFERRER_POLICY, SET_COOKIE};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::json;

use super::problem::{Answer, Body, FieldError, Problem};
use super::session::{MOST_BODY, cookie};
use super::state::State;
use super::users::looks_like_email;
use crate::auth::AuthError;
use crate::web::client::ClientAddress;

/// `/setup/{token}` for a browser and `POST /v1/setup` for a program.
pub fn routes() -> Router<State> {
    Router::new()
        .route("/setup/{token}", get(page).post(submit))
        .route("/v1/setup", axum::routing::post(set_up))
        .layer(DefaultBodyLimit::max(MOST_BODY))
}

/// What the page says, in one language.
struct Words {
    language: &'static str,
    title: &'static str,
    intro: &'static str,
    email: &'static str,
    password: &'static str,
    hint: &'static str,
    button: &'static str,
    done: &'static str,
    next: &'static str,
    reference: &'static str,
    gone: &'static str,
    bad_email: &'static str,
    bad_password: &'static str,
    later: &'static str,
}

const ENGLISH: Words = Words {
    language: "en",
    title: "Set up Sambung",
    intro: "Choose the e-mail address and password of the first operator. This link works once.",
    email: "E-mail address",
    password: "Password",
    hint: "At least 10 characters.",
    button: "Create operator",
    done: "Done. You are signed in.",
    next: "Next, make a token for yourself and connect a channel through the API, as the README shows:",
    reference: "What the API can do:",
    gone: "This link was used already or has run out. Start the server again for a new one.",
    bad_email: "Enter an e-mail address.",
    bad_password: "The password needs 10 to 512 characters.",
    later: "The server is busy. Try again in a moment.",
};

const INDONESIAN: Words = Words {
    language: "id",
    title: "Menyiapkan Sambung",
    intro: "Pilih alamat email dan kata sandi operator pertama. Tautan ini hanya berlaku sekali.",
    email: "Alamat email",
    password: "Kata sandi",
    hint: "Minimal 10 karakter.",
    button: "Buat operator",
    done: "Selesai. Anda sudah masuk.",
    next: "Berikutnya, buat token untuk Anda dan hubungkan kanal lewat API, seperti yang ada di README:",
    reference: "Yang bisa dilakukan dengan API:",
    gone: "Tautan ini sudah dipakai atau sudah kedaluwarsa. Jalankan ulang server untuk mendapatkan yang baru.",
    bad_email: "Masukkan alamat email.",
    bad_password: "Kata sandi harus 10 sampai 512 karakter.",
    later: "Server sedang sibuk. Coba lagi sebentar lagi.",
};

const POLICY: &str =
    "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

#[derive(Deserialize)]
struct Fields {
    #[serde(default)]
    email: String,
    #[serde(default)]
    password: String,
}

/// What a program sends.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SetUp {
    #[serde(default)]
    token: String,
    #[serde(default)]
    email: String,
    #[serde(default)]
    password: String,
}

async fn page(Axum(state): Axum<State>, Path(token): Path<String>, headers: HeaderMap) -> Answer<Response> {
    let words = words(&headers);
    if state.auth.setup_link_is_good(&token).await? {
        return Ok(shown(StatusCode::OK, words, &form(words, "", None)));
    }
    Ok(shown(StatusCode::GONE, words, &format!("<p role=\"alert\">{}</p>", words.gone)))
}

async fn submit(
    Axum(state): Axum<State>,
    ClientAddress(address): ClientAddress,
    Path(token): Path<String>,
    headers: HeaderMap,
    Form(fields): Form<Fields>,
) -> Answer<Response> {
    let words = words(&headers);
    state.limits.sign_in.check(&address).map_err(Problem::too_many)?;
    if !looks_like_email(&fields.email) {
        let form = form(words, &fields.email, Some(words.bad_email));
        return Ok(shown(StatusCode::UNPROCESSABLE_ENTITY, words, &form));
    }
    match state.auth.set_up(&token, &fields.email, fields.password, address).await {
        Ok((minted, _)) => {
            let Words { done, next, reference, .. } = words;
            let body = format!(
                "<p>{done}</p><p>{next}</p><pre>sambung token create --role operator --name me</pre>\
                 <p>{reference} <a href=\"/docs/\">/docs/</a></p>"
            );
            let mut response = shown(StatusCode::CREATED, words, &body);
            response.headers_mut().insert(SET_COOKIE, cookie(&state, &minted));
            Ok(response)
        }
        Err(AuthError::LinkUsed) => {
            Ok(shown(StatusCode::GONE, words, &format!("<p role=\"alert\">{}</p>", words.gone)))
        }
        Err(AuthError::WeakPassword(_)) => {
            let form = form(words, &fields.email, Some(words.bad_password));
            Ok(shown(StatusCode::UNPROCESSABLE_ENTITY, words, &form))
        }
        Err(AuthError::Busy) => {
            Ok(shown(StatusCode::SERVICE_UNAVAILABLE, words, &form(words, &fields.email, Some(words.later))))
        }
        Err(error) => Err(error.into()),
    }
}

async fn set_up(
    Axum(state): Axum<State>,
    ClientAddress(address): ClientAddress,
    Body(asked): Body<SetUp>,
) -> Answer<Response> {
    state.limits.sign_in.check(&address).map_err(Problem::too_many)?;
    let mut faults: Vec<FieldError> = [("token", &asked.token), ("email", &asked.email), ("password", &asked.password)]
        .into_iter()
        .filter(|(_, value)| value.is_empty())
        .map(|(name, _)| FieldError::required(format!("#/{name}")))
        .collect();
    if !asked.email.is_empty() && !looks_like_email(&asked.email) {
        faults.push(FieldError::new("#/email", "format", "this is no e-mail address"));
    }
    if !faults.is_empty() {
        return Err(Problem::invalid(faults));
    }
    let (minted, user) = state.auth.set_up(&asked.token, &asked.email, asked.password, address).await?;
    let body = Json(json!({ "id": user.id, "email": user.email, "role": user.role }));
    Ok((StatusCode::CREATED, [(SET_COOKIE, cookie(&state, &minted))], body).into_response())
}

/// Indonesian for whoever prefers it to English, else English.
fn words(headers: &HeaderMap) -> &'static Words {
    let asked = headers.get(ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let first = asked
        .split(',')
        .map(|item| item.split([';', '-']).next().unwrap_or_default().trim())
        .find(|language| matches!(*language, "en" | "id"));
    if first == Some("id") { &INDONESIAN } else { &ENGLISH }
}

fn form(words: &Words, email: &str, fault: Option<&str>) -> String {
    let fault = fault.map(|fault| format!("<p role=\"alert\">{fault}</p>")).unwrap_or_default();
    let email_value = escape(email);
    let Words { intro, email, password, hint, button, .. } = words;
    format!(
        "<p>{intro}</p>{fault}<form method=\"post\">\
         <label for=\"email\">{email}</label>\
         <input id=\"email\" name=\"email\" type=\"email\" autocomplete=\"username\" required value=\"{email_value}\">\
         <label for=\"password\">{password}</label>\
         <input id=\"password\" name=\"password\" type=\"password\" autocomplete=\"new-password\" minlength=\"10\" required \
         aria-describedby=\"hint\"><small id=\"hint\">{hint}</small><button>{button}</button></form>"
    )
}

fn shown(status: StatusCode, words: &Words, body: &str) -> Response {
    let Words { language, title, .. } = words;
    let page = format!(
        "<!doctype html><html lang=\"{language}\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width\"><title>{title}</title><style>\
         :root{{color-scheme:light dark;--loud:light-dark(#b00020,#ff8a80)}}\
         body{{font:1rem/1.5 system-ui,sans-serif;max-width:26rem;margin:3rem auto;padding:0 1rem}}\
         label,input,small,button{{display:block;width:100%;box-sizing:border-box}}label{{margin-top:1rem}}\
         input,button{{font:inherit;padding:.5rem .75rem;border:1px solid GrayText;border-radius:.5rem}}\
         button{{margin-top:1.5rem;background:#1f6feb;color:#fff;border:0;cursor:pointer}}[role=alert]{{color:var(--loud)}}\
         pre{{padding:.75rem;border:1px solid GrayText;border-radius:.5rem;white-space:pre-wrap}}\
         </style></head><body><main><h1>{title}</h1>{body}</main></body></html>"
    );
    // The address holds the link's value: it must not travel on as a referrer, nor stay in a cache.
    let headers = [(CONTENT_SECURITY_POLICY, POLICY), (REFERRER_POLICY, "same-origin"), (CACHE_CONTROL, "no-store")];
    (status, headers, Html(page)).into_response()
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
