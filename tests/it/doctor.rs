//! `sambung doctor` against servers that run.

use sambung_tests::server::Server;

/// What it says of a server whose configuration names this public address.
async fn examined(server: &Server, public_url: &str) -> String {
    let config = server.data().with_file_name("config.toml");
    std::fs::write(config, format!("[server]\npublic_url = '{public_url}'\n")).unwrap();
    String::from_utf8(server.run(&["doctor"]).await.stdout).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_counts_as_reached_only_where_this_very_server_answers() {
    let (server, mut other) = (Server::start("").await, Server::start("").await);
    let (own, others) = (server.api().url(""), other.api().url(""));
    let (own, others) = (own.trim_end_matches('/'), others.trim_end_matches('/'));
    let said = examined(&server, own).await;
    assert!(said.contains(&format!("ok    reached at {own}")), "{said}");
    let said = examined(&server, others).await;
    assert!(said.contains(&format!("WRONG {others} is answered by another server")), "{said}");
    other.stop().await;
    let said = examined(&server, others).await;
    assert!(said.contains(&format!("WRONG {others} cannot be reached from here")), "{said}");
    assert!(!said.contains("ok    reached"), "{said}");
}
