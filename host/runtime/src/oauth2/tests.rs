//! A real server that hands out tokens, reached as a provider is: by the operator's override.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::to_bytes;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use serde_json::json;

use super::*;
use crate::egress::Policy;
use crate::manifest;

const ID: &str = "client 1";
const SECRET: &str = "client-secret-0123456789";

/// What was asked: method, path and query, `Authorization`, body.
type Asked = (String, String, Option<String>, String);
type Served = Arc<Mutex<(Vec<Asked>, Vec<(u16, Value)>)>>;

/// Answers in turn, and keeps what was asked.
async fn serve(answers: Vec<(u16, Value)>) -> (Served, Client) {
    let served: Served = Arc::new(Mutex::new((Vec::new(), answers)));
    let routes = Router::new().fallback(answered).with_state(served.clone());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let origin = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, routes).await.unwrap() });
    let overrides = BTreeMap::from([("https://login.example".to_owned(), origin)]);
    (served, Client::new(Policy { overrides, ..Policy::default() }).unwrap())
}

async fn answered(State(served): State<Served>, request: Request) -> Response {
    let (head, body) = request.into_parts();
    let body = String::from_utf8(to_bytes(body, 1 << 20).await.unwrap().to_vec()).unwrap();
    let auth = head.headers.get(AUTHORIZATION).map(|value| value.to_str().unwrap().to_owned());
    let mut served = served.lock().unwrap();
    served.0.push((head.method.to_string(), head.uri.to_string(), auth, body));
    let (status, answer) = served.1.remove(0);
    (http::StatusCode::from_u16(status).unwrap(), axum::Json(answer)).into_response()
}

fn flow(more: &str) -> OAuth2 {
    let toml = format!(
        "id = \"a\"\nversion = \"1.0.0\"\npublisher = \"p\"\n[[egress]]\nhost = \"login.example\"\n\
         [[secret]]\nname = \"key\"\nscope = \"app\"\ndestinations = [\"https://login.example\"]\nplaces = [\"auth\"]\n\
         [[secret]]\nname = \"token\"\norigin = \"obtained\"\ndestinations = [\"https://login.example\"]\nplaces = [\"auth\"]\n\
         [[secret]]\nname = \"renewal\"\norigin = \"obtained\"\ndestinations = [\"https://login.example\"]\nplaces = [\"auth\"]\n\
         [[oauth2]]\nauthorize = \"https://login.example/go?a=b\"\nscopes = [\"one\", \"two\"]\nclient-id = \"app\"\nclient-secret = \"key\"\n\
         [oauth2.token]\nurl = \"https://login.example/token\"\naccess-token = \"token\"\nrefresh-token = \"renewal\"\n{more}"
    );
    manifest::read(&toml).unwrap().oauth2.remove(0)
}

fn client() -> OAuthClient {
    OAuthClient { id: ID.to_owned(), secret: Some(SECRET.to_owned().into()) }
}

fn tokens() -> Tokens {
    Tokens { access: "old-access".to_owned().into(), refresh: Some("old-refresh".to_owned().into()), lasts_ms: None }
}

fn exposed(secret: &SecretValue) -> &str {
    std::str::from_utf8(secret.expose()).unwrap()
}

#[test]
fn the_browser_is_sent_with_everything_escaped() {
    let pkce = Pkce::new([7; 32]);
    assert_eq!(exposed(&pkce.verifier).len(), 43);
    let flow = flow("[oauth2.params]\nprompt = \"consent\"\n");
    let redirect = "https://h.example/sign-in/callback";
    let url = authorize_url(&flow, &client(), redirect, "st&ate", Some(&pkce.challenge));
    let pairs: BTreeMap<_, _> = url.query_pairs().into_owned().collect();
    assert_eq!((url.path(), pairs["a"].as_str(), pairs["prompt"].as_str()), ("/go", "b", "consent"));
    assert_eq!((pairs["client_id"].as_str(), pairs["state"].as_str()), (ID, "st&ate"));
    assert_eq!((pairs["scope"].as_str(), pairs["redirect_uri"].as_str()), ("one two", redirect));
    assert_eq!(
        (pairs["code_challenge"].as_str(), pairs["code_challenge_method"].as_str()),
        (pkce.challenge.as_str(), "S256")
    );
}

/// RFC 7636, appendix B.
#[test]
fn the_challenge_is_the_standards() {
    let bytes = URL_SAFE_NO_PAD.decode("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk").unwrap();
    let pkce = Pkce::new(bytes.try_into().unwrap());
    assert_eq!(pkce.challenge, "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
}

#[tokio::test]
async fn a_code_becomes_a_token_that_becomes_a_long_lived_one() {
    let flow = flow(
        "at = [\"/data/0\", \"\"]\n[oauth2.exchange]\nurl = \"https://login.example/long?v=1\"\nmethod = \"GET\"\n\
         params = { grant_type = \"swap\", secret = \"${client_secret}\", token = \"${access_token}\", id = \"<${client_id}>\" }\n",
    );
    let (served, dials) = serve(vec![
        (200, json!({ "data": [{ "access_token": "short&1", "refresh_token": "r1" }] })),
        (200, json!({ "access_token": "long", "expires_in": "5184000" })),
    ])
    .await;
    let client = client();
    let provider = Provider { flow: &flow, client: &client, workspace: "ws", dials: &dials };
    let verifier = SecretValue::from("ver".to_owned());
    let tokens = provider.tokens("c/1", "https://h.example/cb", Some(&verifier)).await.unwrap();
    assert_eq!((exposed(&tokens.access), tokens.lasts_ms), ("long", Some(5_184_000_000)));
    assert_eq!(tokens.refresh.as_ref().map(exposed), Some("r1"), "what renews is kept where the exchange gives none");
    let asked = served.lock().unwrap().0.clone();
    let (method, path, auth, body) = &asked[0];
    assert_eq!((method.as_str(), path.as_str(), auth), ("POST", "/token", &None));
    assert_eq!(
        body,
        "grant_type=authorization_code&code=c%2F1&redirect_uri=https%3A%2F%2Fh.example%2Fcb&code_verifier=ver\
         &client_id=client%201&client_secret=client-secret-0123456789"
    );
    assert_eq!((asked[1].0.as_str(), asked[1].3.as_str()), ("GET", ""));
    for part in ["v=1", "grant_type=swap", "secret=client-secret-0123456789", "token=short%261", "id=%3Cclient%201%3E"]
    {
        assert!(asked[1].1.contains(part), "{part} is not in {}", asked[1].1);
    }
}

#[tokio::test]
async fn renewing_follows_the_standard_and_keeps_what_renews() {
    let flow = flow(
        "client-auth = \"basic\"\n[oauth2.refresh]\nurl = \"https://login.example/token\"\nclient-auth = \"basic\"\n[oauth2.revoke]\nurl = \"https://login.example/gone\"\nmethod = \"DELETE\"\nparams = { token = \"${access_token}\" }\n",
    );
    let (served, dials) = serve(vec![
        (200, json!({ "access_token": "new", "expires_in": 7200, "refresh_token": "new-refresh" })),
        (200, json!({ "access_token": "newer" })),
        (200, json!({})),
    ])
    .await;
    let client = client();
    let provider = Provider { flow: &flow, client: &client, workspace: "ws", dials: &dials };
    let rotated = provider.renew(&tokens()).await.unwrap();
    assert_eq!((rotated.refresh.as_ref().map(exposed), rotated.lasts_ms), (Some("new-refresh"), Some(7_200_000)));
    let kept = provider.renew(&tokens()).await.unwrap();
    assert_eq!((kept.refresh.as_ref().map(exposed), kept.lasts_ms), (Some("old-refresh"), None));
    provider.revoke(&tokens()).await.unwrap();
    let asked = served.lock().unwrap().0.clone();
    let (_, _, auth, body) = &asked[0];
    assert_eq!(body, "grant_type=refresh_token&refresh_token=old-refresh");
    let pair = STANDARD.decode(auth.as_ref().unwrap().strip_prefix("Basic ").unwrap()).unwrap();
    assert_eq!(pair, b"client%201:client-secret-0123456789");
    assert_eq!((asked[2].0.as_str(), asked[2].1.as_str()), ("DELETE", "/gone?token=old-access"));
}

/// Only what the provider says about the credential is a refusal; the rest may pass.
#[tokio::test]
async fn refusals_are_told_from_bad_weather() {
    let flow = flow("");
    let long = "a-code-that-is-long-enough";
    let echoed = format!("this code {long} was used");
    let (_, dials) = serve(vec![
        (400, json!({ "error": "invalid_grant", "error_description": echoed })),
        (400, json!({ "error": { "message": "Invalid verification code", "type": "OAuthException", "code": 100 } })),
        (400, json!({ "error_type": "OAuthException", "code": 400, "error_message": "Matching code was not found" })),
        (400, json!({ "error": { "message": "Please retry", "is_transient": true } })),
        (503, json!("busy")),
        (429, json!({ "error": "slow_down" })),
        (200, json!({ "access": "none" })),
        (200, json!("text")),
        (302, json!({ "error": "moved" })),
        (404, json!({ "error": "not found" })),
        (403, json!("a wall in between")),
    ])
    .await;
    let client = client();
    let provider = Provider { flow: &flow, client: &client, workspace: "ws", dials: &dials };
    let mut told = Vec::new();
    for _ in 0..11 {
        told.push(provider.tokens(long, "https://h.example/cb", None).await.unwrap_err());
    }
    let refused =
        |code: &str, words: &str| OAuthError::Refused { code: Some(code.to_owned()), words: words.to_owned() };
    assert_eq!(told[0], refused("invalid_grant", "this code *** was used"));
    assert_eq!(told[1], refused("OAuthException", "Invalid verification code"));
    assert_eq!(told[2], refused("OAuthException", "Matching code was not found"));
    for (at, error) in told.iter().enumerate().skip(3).take(3) {
        assert!(matches!(error, OAuthError::Unavailable { .. }), "{at}: {error:?}");
    }
    assert!(told[6..].iter().all(|error| matches!(error, OAuthError::Broken(_))), "{told:?}");
}

/// It stands in a header, not among the parameters.
#[tokio::test]
async fn the_clients_secret_is_in_no_words() {
    let flow = flow("client-auth = \"basic\"\n");
    let words = format!("{SECRET} is not the client's");
    let (_, dials) = serve(vec![(401, json!({ "error": "invalid_client", "error_description": words }))]).await;
    let client = client();
    let provider = Provider { flow: &flow, client: &client, workspace: "ws", dials: &dials };
    let error = provider.tokens("c", "https://h.example/cb", None).await.unwrap_err();
    assert_eq!(error.to_string(), "*** is not the client's");
}

#[tokio::test]
async fn the_operators_policy_holds_here_too() {
    let flow = flow("");
    let dials = Client::new(Policy { denied_hosts: vec!["login.example".to_owned()], ..Policy::default() }).unwrap();
    let client = client();
    let provider = Provider { flow: &flow, client: &client, workspace: "ws", dials: &dials };
    let error = provider.tokens("c", "https://h.example/cb", None).await.unwrap_err();
    assert!(matches!(&error, OAuthError::Broken(words) if words.contains("policy denies")), "{error:?}");
}
