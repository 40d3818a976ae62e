//! The whole server in this process, over a folder of its own, for the targets that speak to it.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::LazyLock;
use std::time::Duration;

use sambung::app::App;
use sambung::auth::Role;
use sambung::clock::Clock;
use sambung::config::Config;
use sambung::model::audit::Entry;
use serde_json::{Value, json};
use tokio::runtime::Runtime;

const CONFIG: &str = r#"
plugins.bundled = false

[mail]
listen = "127.0.0.1:0"
domain = "in.sambung.example"
connections_per_address = 100
mails_per_minute = 1000000
"#;
/// An answer takes no longer, whatever was asked.
const PATIENCE: Duration = Duration::from_secs(20);

struct Served {
    http: SocketAddr,
    mail: SocketAddr,
    token: String,
    _runtime: Runtime,
    _folder: tempfile::TempDir,
}

static SERVED: LazyLock<Served> = LazyLock::new(|| {
    let runtime = Runtime::new().expect("a runtime");
    let folder = tempfile::tempdir().expect("a folder");
    let (http, mail, token) = runtime.block_on(async {
        let mut config = Config::read(Some(("fuzz", CONFIG)), std::iter::empty()).expect("a configuration");
        config.server.data_dir = folder.path().join("data");
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("loopback has a free port");
        let http = listener.local_addr().expect("an address");
        let app = App::build(config, Clock::system()).await.unwrap_or_else(|error| panic!("{error}"));
        let (state, mail) = (app.state().clone(), app.mail_address().expect("a listener for mail"));
        tokio::spawn(app.serve(listener));
        let workspace =
            state.db.workspace_or_new(state.clock.id("ws"), "default", state.clock.now()).await.expect("one");
        let entry = Entry {
            workspace: Some(workspace.id.clone()),
            at: state.clock.now(),
            actor: "fuzz".into(),
            role: "operator".into(),
            action: "token.create".into(),
            subject: String::new(),
            detail: json!({}),
        };
        let minted =
            state.auth.create_token(&workspace.id, Role::Operator, "fuzz", None, entry).await.expect("a token");
        (http, mail, minted.value.clone())
    });
    Served { http, mail, token, _runtime: runtime, _folder: folder }
});

/// The token of an operator.
pub(crate) fn token() -> &'static str {
    &SERVED.token
}

/// The status that a whole request, which closes its connection, is answered with.
pub(crate) fn http(request: &[u8]) -> u16 {
    let answer = exchange(SERVED.http, request, false);
    let text = String::from_utf8_lossy(&answer[..answer.len().min(64)]).into_owned();
    let status = text.strip_prefix("HTTP/1.1 ").and_then(|rest| rest.get(..3)).and_then(|code| code.parse().ok());
    status.unwrap_or_else(|| panic!("no answer: {text:?}"))
}

/// The OpenAPI document.
pub(crate) fn document() -> Value {
    let request = b"GET /openapi.json HTTP/1.0\r\nhost: sambung\r\n\r\n";
    let answer = exchange(SERVED.http, request, false);
    let at = answer.windows(4).position(|four| four == b"\r\n\r\n").expect("a head");
    serde_json::from_slice(&answer[at + 4..]).expect("the document")
}

/// What the mail server says to a client that says this and leaves.
pub(crate) fn smtp(said: &[u8]) -> Vec<u8> {
    exchange(SERVED.mail, said, true)
}

fn exchange(address: SocketAddr, said: &[u8], leaves: bool) -> Vec<u8> {
    let mut stream = TcpStream::connect(address).expect("the server is there");
    stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    stream.set_write_timeout(Some(PATIENCE)).expect("a timeout");
    // Who is sent away early may not be able to say everything.
    let said_all = stream.write_all(said).is_ok();
    if leaves && said_all {
        stream.shutdown(Shutdown::Write).ok();
    }
    let mut answer = Vec::new();
    let mut chunk = [0; 4096];
    loop {
        match stream.read(&mut chunk) {
            Ok(0) => return answer,
            Ok(read) => answer.extend_from_slice(&chunk[..read]),
            // libFuzzer's clock interrupts it.
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) if matches!(error.kind(), ErrorKind::ConnectionReset | ErrorKind::BrokenPipe) => return answer,
            Err(error) => panic!("the server did not answer in {PATIENCE:?}: {error}"),
        }
    }
}
