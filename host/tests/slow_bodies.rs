//! Webhooks whose bodies take longer than a body may, though they come at a rate that is fast enough.

use std::time::Duration;

use reqwest::{Method, StatusCode};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::common::guests::connects;
use crate::common::{Options, TestHost, read};

#[tokio::test]
async fn a_body_that_goes_on_and_on_is_given_up() {
    let options =
        Options::default().set("SERVER__PUBLIC_URL", "https://sambung.example").set("INGRESS__BODY_MS", 1_000);
    let host = TestHost::start_with(options).await;
    let request = host.request(Method::POST, "/v1/plugins").header("content-type", "application/wasm").body(connects());
    let (status, plugin) = read(request.send().await.unwrap()).await;
    assert_eq!(status, StatusCode::CREATED, "{plugin}");
    let body = json!({ "plugin": "connects", "name": "One", "settings": { "account": "a", "token": "t" } });
    let (status, channel) = host.post("/v1/channels", body).await;
    assert_eq!(status, StatusCode::CREATED, "{channel}");
    let path = channel["webhook_url"].as_str().unwrap().strip_prefix("https://sambung.example").unwrap();

    let address = host.base.strip_prefix("http://").unwrap();
    let mut stream = TcpStream::connect(address).await.unwrap();
    let head = format!("POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: 4000000\r\n\r\n");
    stream.write_all(head.as_bytes()).await.unwrap();
    let (mut from, mut to) = stream.split();
    let going_on = async {
        while to.write_all(&[b'x'; 4_000]).await.is_ok() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        std::future::pending::<()>().await;
    };
    let mut said = vec![0; 1024];
    // The whole body would take a minute.
    let answered = tokio::time::timeout(Duration::from_secs(20), from.read(&mut said));
    tokio::select! {
        () = going_on => {}
        read = answered => {
            let said = String::from_utf8_lossy(&said[..read.expect("it is answered").unwrap()]).into_owned();
            assert!(said.starts_with("HTTP/1.1 408"), "{said}");
        }
    }
}
