use std::io;
use std::net::IpAddr;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use futures_util::StreamExt as _;
use http::HeaderMap;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::*;

struct Scripted(&'static [(&'static str, &'static [&'static str])]);

impl Names for Scripted {
    fn look_up<'a>(&'a self, name: &'a str) -> Lookup<'a> {
        let found = self.0.iter().find(|(known, _)| *known == name);
        let addresses: io::Result<Vec<IpAddr>> = match found {
            Some((_, addresses)) => Ok(addresses.iter().map(|address| address.parse().unwrap()).collect()),
            None => Err(io::Error::other("no such name")),
        };
        Box::pin(async move { addresses })
    }
}

const NAMES: Scripted = Scripted(&[
    ("inside.example", &["10.0.0.1"]),
    ("both.example", &["8.8.8.8", "127.0.0.1"]),
    ("metadata.example", &["169.254.169.254"]),
    ("mapped.example", &["::ffff:192.168.0.1"]),
    ("empty.example", &[]),
]);

async fn fault(client: &Client, url: &str) -> (DialFault, bool) {
    let url = Url::parse(url).unwrap();
    let posted = client.post(&url, HeaderMap::new(), Bytes::from_static(b"x"), Duration::from_secs(5), 100).await;
    let error = posted.unwrap_err();
    (error.fault, error.dispatched)
}

#[tokio::test]
async fn endpoints_obey_the_address_rules() {
    let policy =
        Policy { denied_hosts: vec!["denied.example".to_owned(), "*.bad.example".to_owned()], ..Policy::default() };
    let client = Client::with_names(policy, Arc::new(NAMES)).unwrap();
    for url in [
        "https://inside.example/",
        "https://both.example/",
        "https://metadata.example/",
        "https://mapped.example/",
        "http://localhost.inside.example@127.0.0.1/",
        "http://[::1]/",
        "http://[::ffff:10.0.0.1]/",
        "http://017700000001/",
        "https://denied.example/",
        "https://a.bad.example/",
        "https://denied.example./",
        "https://a.bad.example./",
    ] {
        assert_eq!(fault(&client, url).await, (DialFault::Blocked, false), "{url}");
    }
    assert_eq!(fault(&client, "https://nowhere.example/").await, (DialFault::Dns, false));
    assert_eq!(fault(&client, "https://empty.example/").await, (DialFault::Dns, false));
    assert_eq!(fault(&client, "ftp://inside.example/").await, (DialFault::Invalid, false));
}

#[test]
fn overrides_are_between_origins() {
    for (from, to) in [
        ("https://a.example/path", "http://127.0.0.1:1"),
        ("a.example", "http://127.0.0.1:1"),
        ("https://a.example", "x"),
    ] {
        let policy = Policy { overrides: [(from.to_owned(), to.to_owned())].into(), ..Policy::default() };
        assert!(matches!(Client::new(policy), Err(PolicyError::Origin(_))), "{from}");
    }
}

#[test]
fn pools_are_one_for_each_workspace_and_bounded() {
    let client = Client::with_names(Policy::default(), Arc::new(NAMES)).unwrap();
    let of = |workspace: &str| Pool { workspace: workspace.to_owned(), overridden: false };
    for number in 0..MAX_POOLS + 10 {
        client.pool(of(&number.to_string())).unwrap();
        client.pool(of("kept")).unwrap();
    }
    let pools = client.0.pools.lock().unwrap();
    assert_eq!(pools.len(), MAX_POOLS);
    assert!(pools.iter().any(|(pool, _)| *pool == of("kept")));
    assert!(!pools.iter().any(|(pool, _)| *pool == of("0")));
}

/// A server that answers every request with 204 and counts connections.
async fn counting() -> (String, Arc<AtomicUsize>) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let accepted = Arc::new(AtomicUsize::new(0));
    let count = accepted.clone();
    tokio::spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            count.fetch_add(1, Ordering::SeqCst);
            tokio::spawn(async move {
                let mut read = [0; 4096];
                while socket.read(&mut read).await.is_ok_and(|bytes| bytes > 0) {
                    socket.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").await.unwrap();
                }
            });
        }
    });
    (address, accepted)
}

#[tokio::test]
async fn workspaces_share_no_connection_to_an_overridden_destination() {
    let (server, accepted) = counting().await;
    let overrides = [("https://api.example".to_owned(), server)].into();
    let client = Client::with_names(Policy { overrides, ..Policy::default() }, Arc::new(NAMES)).unwrap();
    for (workspace, connections) in [("one", 1), ("one", 1), ("two", 2), ("two", 2), ("one", 2)] {
        let outgoing = Outgoing {
            method: http::Method::GET,
            url: Url::parse("https://api.example/").unwrap(),
            headers: HeaderMap::new(),
            body_bytes: 0,
            body: Box::pin(futures_util::stream::empty()),
            timeout: Duration::from_secs(5),
            leaving: Arc::new(|| {}),
        };
        let mut answer = client.dial(workspace, outgoing).await.unwrap();
        assert_eq!(answer.status, 204);
        while answer.body.next().await.is_some() {}
        assert_eq!(accepted.load(Ordering::SeqCst), connections, "{workspace}");
    }
}
