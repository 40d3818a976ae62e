//! Connections from addresses of loopback other than the neighbour's, because limits count by address.
#![allow(dead_code)]

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use sambung_tests::api::Api;
use sambung_tests::host::hook;
use sambung_tests::providers::{http_client, line};
use sambung_tests::server::target_folder;
use serde_json::{Value, json};
use tokio::net::{TcpSocket, TcpStream};

/// An attacker's address. The neighbour and the simulators use 127.0.0.1.
pub fn address(number: u8) -> IpAddr {
    IpAddr::V4(Ipv4Addr::new(127, 0, 66, number))
}

/// Where the server listens.
pub fn server(api: &Api) -> SocketAddr {
    sambung_tests::bench::servers::address(api)
}

/// A connection from an address.
pub async fn connect(from: IpAddr, to: SocketAddr) -> std::io::Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    socket.bind(SocketAddr::new(from, 0))?;
    socket.connect(to).await
}

/// An HTTP client at an address. It keeps its connections.
pub fn client(from: IpAddr) -> reqwest::Client {
    // It installs what TLS needs once for the process.
    let _ = sambung_tests::providers::http_client();
    reqwest::Client::builder().no_proxy().local_address(from).build().unwrap()
}

/// Installs a hostile guest and connects a channel of it: the address of its webhooks.
pub async fn connect_guest(operator: &Api, admin: &Api, guest: &str) -> String {
    let wasm = sambung_guests::component(&target_folder(), guest);
    let put = operator.request("POST", "/v1/plugins").header("content-type", "application/wasm").body(wasm);
    let answer = put.timeout(Duration::from_secs(120)).send().await.unwrap();
    let status = answer.status();
    let plugin: Value = answer.json().await.unwrap();
    assert!(status.is_success(), "{plugin}");
    let new = json!({ "plugin": plugin["id"], "name": "Attacker", "settings": {} });
    let channel = admin.expect(201, "POST", "/v1/channels", new).await;
    let shown = admin.get(&format!("/v1/channels/{}", channel["id"].as_str().unwrap())).await;
    let address = shown["webhook_url"].as_str().unwrap_or_else(|| panic!("no address: {shown}"));
    admin.url(address.strip_prefix("https://chat.example").expect("it is the public address"))
}

/// Connects a LINE channel for each of the simulator's accounts from 1 on: the addresses of their webhooks, in that order.
pub async fn connect_line_accounts(admin: &Api, accounts: u32) -> Vec<String> {
    let mut hooks = Vec::new();
    for account in 1..=accounts {
        let settings = json!({ "channel_secret": line::SECRET, "channel_access_token": line::token_of(account) });
        let form = json!({ "plugin": "line", "name": format!("Shop {account}"), "settings": settings });
        let channel = admin.expect(201, "POST", "/v1/channels", form).await;
        hooks.push(hook(admin, &channel));
    }
    hooks
}

/// Posts a webhook: its status.
pub async fn post(address: &str, body: String) -> u16 {
    let post = http_client().post(address).timeout(Duration::from_secs(60)).body(body);
    post.send().await.unwrap().status().as_u16()
}

/// Lets the process open as many files as the system allows: an attacker of many sockets needs them.
pub fn open_many_files() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let maximum = getrlimit(Resource::Nofile).maximum;
    let _ = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum });
}
