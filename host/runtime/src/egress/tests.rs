use std::io;
use std::net::IpAddr;

use bytes::Bytes;
use http::HeaderMap;

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
    for number in 0..MAX_POOLS + 10 {
        client.pool(&number.to_string()).unwrap();
        client.pool("kept").unwrap();
    }
    let pools = client.0.pools.lock().unwrap();
    assert_eq!(pools.len(), MAX_POOLS);
    assert!(pools.iter().any(|(name, _)| name == "kept"));
    assert!(!pools.iter().any(|(name, _)| name == "0"));
}
