//! What the command line refuses before it writes anything.

use sambung_tests::server::Server;

#[tokio::test(flavor = "multi_thread")]
async fn people_and_tokens_have_names_of_one_line_and_addresses_that_mail_reaches() {
    let server = Server::start("").await;
    let words = |output: &std::process::Output| String::from_utf8_lossy(&output.stderr).into_owned();
    for (address, name, word) in
        [("a@@b.com", "A", "no e-mail address"), ("a@b.com", "A\u{1b}[2J", "control characters")]
    {
        let add = ["user", "add", "--email", address, "--role", "agent", "--name", name, "--password-stdin"];
        let refused = server.run_with(&add, b"a long enough password").await;
        assert!(!refused.status.success() && words(&refused).contains(word), "{address} {name:?}: {}", words(&refused));
    }
    let refused = server.run(&["token", "create", "--role", "agent", "--name", "a\nb"]).await;
    assert!(!refused.status.success() && words(&refused).contains("control characters"), "{}", words(&refused));
    let users = server.api().get("/v1/users").await;
    assert_eq!(users["items"].as_array().unwrap().len(), 0, "{users}");
}
