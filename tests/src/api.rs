//! The host's API as a caller has it: an address, which may change when the server starts again, and a token.

use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::described;
use crate::providers::http_client;

/// A caller of the API. Clones share the address.
#[derive(Debug, Clone)]
pub struct Api {
    base: Arc<RwLock<String>>,
    token: String,
}

/// An answer: its status and its JSON, null where there is none.
pub type Answer = (u16, Value);

impl Api {
    /// A caller with this token of the server at `http://127.0.0.1:…`.
    pub fn at(base: &str, token: &str) -> Self {
        Self { base: Arc::new(RwLock::new(base.to_owned())), token: token.to_owned() }
    }

    /// The same server, another caller.
    pub fn with_token(&self, token: &str) -> Self {
        Self { base: Arc::clone(&self.base), token: token.to_owned() }
    }

    /// The caller's token.
    pub fn token(&self) -> &str {
        &self.token
    }

    /// The same caller of another server, whose address is told later.
    pub fn elsewhere(&self) -> Self {
        Self::at("", &self.token)
    }

    /// The server is elsewhere from now on, for every clone.
    pub fn moved_to(&self, base: &str) {
        base.clone_into(&mut self.base.write().unwrap_or_else(PoisonError::into_inner));
    }

    /// An address of the server.
    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.base.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// A request with the token.
    ///
    /// # Panics
    /// When `method` is none.
    pub fn request(&self, method: &str, path: &str) -> reqwest::RequestBuilder {
        let method = method.parse().expect("a method's name");
        http_client().request(method, self.url(path)).bearer_auth(&self.token).timeout(Duration::from_secs(30))
    }

    /// Asks. The body is left away where it is null.
    ///
    /// # Errors
    /// Why there is no answer.
    ///
    /// # Panics
    /// When the answer is not as it is described.
    pub async fn ask(&self, method: &str, path: &str, body: &Value) -> Result<Answer, reqwest::Error> {
        self.ask_once(method, path, body, None).await
    }

    /// Asks with an `Idempotency-Key`.
    ///
    /// # Errors
    /// Why there is no answer.
    ///
    /// # Panics
    /// When the answer is not as it is described.
    pub async fn ask_once(
        &self,
        method: &str,
        path: &str,
        body: &Value,
        key: Option<&str>,
    ) -> Result<Answer, reqwest::Error> {
        let mut request = self.request(method, path);
        if !body.is_null() {
            request = request.json(body);
        }
        if let Some(key) = key {
            request = request.header("idempotency-key", key);
        }
        let answer = request.send().await?;
        let status = answer.status().as_u16();
        let code = answer.status();
        let body = serde_json::from_slice(&answer.bytes().await?).unwrap_or_default();
        described::check(&method.parse().expect("a method's name"), path, code, &body);
        Ok((status, body))
    }

    /// `GET` of something that is there.
    ///
    /// # Panics
    /// When it is not answered with 200.
    pub async fn get(&self, path: &str) -> Value {
        self.expect(200, "GET", path, Value::Null).await
    }

    /// Asks for something that is to be answered with this status.
    ///
    /// # Panics
    /// When it is not.
    pub async fn expect(&self, status: u16, method: &str, path: &str, body: Value) -> Value {
        let (given, answer) = self.ask(method, path, &body).await.unwrap_or_else(|error| panic!("{path}: {error}"));
        assert_eq!(given, status, "{method} {path}: {answer}");
        answer
    }

    /// Everything of a list, over all its pages.
    ///
    /// # Panics
    /// When a page is not answered with 200.
    pub async fn all(&self, path: &str) -> Vec<Value> {
        let join = if path.contains('?') { '&' } else { '?' };
        let mut found = Vec::new();
        let mut cursor = String::new();
        loop {
            let page = self.get(&format!("{path}{join}limit=200{cursor}")).await;
            found.extend(page["items"].as_array().into_iter().flatten().cloned());
            match page["next"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => return found,
            }
        }
    }

    /// Every message of every conversation.
    ///
    /// # Panics
    /// When a page is not answered with 200.
    pub async fn all_messages(&self) -> Vec<Value> {
        let mut found = Vec::new();
        for conversation in self.all("/v1/conversations").await {
            let id = conversation["id"].as_str().unwrap_or_default();
            found.extend(self.all(&format!("/v1/conversations/{id}/messages")).await);
        }
        found
    }

    /// The first conversation of the inbox, once there is one.
    ///
    /// # Panics
    /// When there never is.
    pub async fn first_conversation(&self) -> Value {
        until("there is a conversation", async || {
            self.get("/v1/conversations").await["items"].as_array()?.first().cloned()
        })
        .await
    }

    /// Replies with a text: the queued message's id.
    ///
    /// # Panics
    /// When it is not taken.
    pub async fn reply(&self, conversation: &str, text: &str) -> String {
        let path = format!("/v1/conversations/{conversation}/messages");
        let body = serde_json::json!({ "content": { "type": "text", "text": text } });
        let taken = self.expect(202, "POST", &path, body).await;
        taken["id"].as_str().expect("a message has an id").to_owned()
    }

    /// The message once it is in this status.
    ///
    /// # Panics
    /// When it never is.
    pub async fn message_when(&self, id: &str, status: &str) -> Value {
        until(&format!("message {id} is {status}"), async || {
            let message = self.get(&format!("/v1/messages/{id}")).await;
            (message["status"] == status).then_some(message)
        })
        .await
    }

    /// Waits until every webhook that was acknowledged is translated.
    ///
    /// # Panics
    /// When that does not come to pass.
    pub async fn translated(&self) {
        until("every webhook is translated", async || {
            let pending = self.get("/v1/journal?state=pending").await;
            pending["items"].as_array()?.is_empty().then_some(())
        })
        .await;
    }
}

/// Looks until there is what is looked for, at most for a minute.
///
/// # Panics
/// When it is not there by then.
pub async fn until<T>(what: &str, look: impl AsyncFn() -> Option<T>) -> T {
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        if let Some(found) = look().await {
            return found;
        }
        assert!(Instant::now() < deadline, "it never came to pass that {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// Milliseconds since 1970, as providers count.
///
/// # Panics
/// When the clock stands before 1970.
pub fn now_ms() -> u64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("the clock is after 1970");
    u64::try_from(since.as_millis()).expect("milliseconds fit")
}
