//! What becomes of tokens after a sign-in: renewed ahead of their end or when they are refused, and given back.

use super::*;

#[tokio::test]
async fn a_token_is_renewed_ahead_of_its_end_once() {
    let stage = Stage::with_app().await;
    let channel = stage.connected().await;
    stage.host.state.channels.look_after_credentials().await.unwrap();
    assert_eq!(stage.known().refreshes, 0, "two hours are left");
    stage.ahead.fetch_add(7_200_000 - 599_000, Ordering::SeqCst);
    let channels = &stage.host.state.channels;
    let rounds = tokio::join!(
        channels.look_after_credentials(),
        channels.look_after_credentials(),
        channels.look_after_credentials()
    );
    assert!(rounds.0.is_ok() && rounds.1.is_ok() && rounds.2.is_ok());
    assert_eq!(stage.known().refreshes, 1, "one at a time, and who comes second finds the new one");
    assert_eq!(stage.secret(&channel, "user_token").await.unwrap(), stage.known().token);
    assert_eq!(stage.secret(&channel, "renewal").await.unwrap(), stage.known().renewal, "it turns");
}

/// A refused send renews, and goes out; only a refused renewal holds the channel back.
#[tokio::test]
async fn a_refused_send_is_tried_again_with_a_new_token() {
    let stage = Stage::with_app().await;
    let channel = stage.connected().await;
    let conversation = stage.conversation(&channel).await;
    stage.known().token = "withdrawn-by-the-provider".to_owned();
    stage.ahead.fetch_add(120_000, Ordering::SeqCst);
    let message = stage.reply(&conversation).await;
    until("it is sent with the new token", async || stage.status(&message).await == "sent").await;
    assert_eq!(stage.channel(&channel).await["state"], "connected");
    assert_eq!(stage.known().refreshes, 1);
    stage.known().token = "withdrawn-again".to_owned();
    stage.known().withdrawn = true;
    stage.ahead.fetch_add(120_000, Ordering::SeqCst);
    let held = stage.reply(&conversation).await;
    until("the channel needs attention", async || stage.channel(&channel).await["state"] == "needs_attention").await;
    assert_eq!(stage.status(&held).await, "queued", "held, not failed");
    stage.known().withdrawn = false;
    let (_, waiting) = stage.host.post(&format!("{}/reconnect", path(&channel)), json!({})).await;
    assert_eq!(stage.sign_in(&browser(), step_url(&waiting)).await.status(), StatusCode::OK);
    until("what was held goes out", async || stage.status(&held).await == "sent").await;
    assert_eq!(stage.channel(&channel).await["findings"], json!([]));
}

/// A refused poll renews as well, and goes on.
#[tokio::test]
async fn a_refused_poll_goes_on_with_a_new_token() {
    let stage = Stage::with_app().await;
    stage.known().pages = vec![("p1", "Asked")];
    let channel = stage.connected().await;
    until("it is asked", async || stage.known().asked > 0).await;
    stage.ahead.fetch_add(120_000, Ordering::SeqCst);
    let before = {
        let mut known = stage.known();
        known.token = "withdrawn-by-the-provider".to_owned();
        known.asked
    };
    until("it is asked with the new token", async || stage.known().asked > before).await;
    assert_eq!(stage.channel(&channel).await["state"], "connected");
    assert_eq!(stage.known().refreshes, 1);
}

/// Bad weather at the provider says nothing about the credential.
#[tokio::test]
async fn only_a_refusal_makes_a_channel_need_attention() {
    let stage = Stage::with_app().await;
    let channel = stage.connected().await;
    stage.known().down = true;
    stage.ahead.fetch_add(7_200_000, Ordering::SeqCst);
    stage.host.state.channels.look_after_credentials().await.unwrap();
    stage.known().token = "ended".to_owned();
    let (status, checked) = stage.host.post(&format!("{}/check", path(&channel)), json!({})).await;
    assert_eq!((status, &checked["state"]), (StatusCode::OK, &json!("connected")), "{checked}");
    stage.known().down = false;
    stage.ahead.fetch_add(120_000, Ordering::SeqCst);
    let (_, checked) = stage.host.post(&format!("{}/check", path(&channel)), json!({})).await;
    assert_eq!((&checked["state"], stage.known().refreshes), (&json!("connected"), 1), "{checked}");
    stage.known().withdrawn = true;
    stage.ahead.fetch_add(7_200_000, Ordering::SeqCst);
    stage.host.state.channels.look_after_credentials().await.unwrap();
    let shown = stage.channel(&channel).await;
    assert_eq!(shown["state"], "needs_attention");
    assert_eq!(shown["findings"][0]["words"], "invalid_grant, says the provider");
}

/// The provider is told, the token is given back, and a provider that nobody reaches keeps nobody.
#[tokio::test]
async fn disconnecting_gives_the_token_back() {
    let stage = Stage::with_app().await;
    let channel = stage.connected().await;
    let token = stage.known().token.clone();
    assert_eq!(stage.host.call(Method::DELETE, &path(&channel), None).await.0, StatusCode::NO_CONTENT);
    assert_eq!(stage.known().left, ["token-of-p1-0123456789"]);
    assert_eq!(stage.known().revoked, [token]);
    assert_eq!(stage.secret(&channel, "user_token").await, None);
    let again = stage.connected().await;
    assert_eq!(again["account"], "p1", "the same account comes back");
}

/// The token's end is near, and the provider answers nobody yet.
async fn renewal_under_way(stage: &Stage) {
    stage.known().slow = true;
    stage.ahead.fetch_add(7_200_000 - 599_000, Ordering::SeqCst);
    let channels = stage.host.state.channels.clone();
    tokio::spawn(async move { channels.look_after_credentials().await });
    until("the provider is asked", async || stage.known().tries == 1).await;
}

/// Whose turn it is keeps it, whoever still waits: the provider may take two at once for a theft, and withdraw all.
#[tokio::test]
async fn who_hangs_up_leaves_no_second_renewal_beside_the_first() {
    let stage = Stage::with_app().await;
    let channel = stage.connected().await;
    stage.known().slow = true;
    stage.ahead.fetch_add(120_000, Ordering::SeqCst);
    stage.known().token = "withdrawn-by-the-provider".to_owned();
    let check = || {
        let request = stage.host.request(Method::POST, &format!("{}/check", path(&channel))).json(&json!({}));
        tokio::spawn(async move { request.send().await })
    };
    let first = check();
    until("the provider is asked", async || stage.known().tries == 1).await;
    first.abort();
    let second = check();
    tokio::time::sleep(Duration::from_millis(500)).await;
    stage.known().slow = false;
    second.await.unwrap().unwrap();
    until("it has the new token", async || {
        stage.secret(&channel, "user_token").await.as_deref() == Some(stage.known().token.as_str())
    })
    .await;
    assert_eq!(stage.known().tries, 1);
}

/// The old token is withdrawn by then.
#[tokio::test]
async fn a_server_that_stops_keeps_what_it_is_being_handed() {
    let stage = Stage::with_app().await;
    let channel = stage.connected().await;
    renewal_under_way(&stage).await;
    let Stage { host, provider, origin, ahead } = stage;
    let stopping = tokio::spawn(host.stop());
    tokio::time::sleep(Duration::from_millis(500)).await;
    provider.lock().unwrap().slow = false;
    let (data, _folder) = stopping.await.unwrap();
    let host = TestHost::start_in(data, options(&origin, &ahead)).await;
    let stage = Stage { host, provider, origin, ahead };
    assert_eq!(stage.known().refreshes, 1);
    assert_eq!(stage.secret(&channel, "user_token").await.unwrap(), stage.known().token);
    assert_eq!(stage.secret(&channel, "renewal").await.unwrap(), stage.known().renewal);
}

/// What a provider handed out is not lost because the disk does not take it just then.
#[tokio::test]
async fn tokens_that_the_database_does_not_take_are_kept_until_it_does() {
    let stage = Stage::with_app().await;
    let channel = stage.connected().await;
    renewal_under_way(&stage).await;
    let file = rusqlite::Connection::open(stage.host.data.join("sambung.db")).unwrap();
    file.execute_batch(
        "CREATE TRIGGER full BEFORE UPDATE ON secrets BEGIN SELECT RAISE(ABORT, 'the disk is full'); END",
    )
    .unwrap();
    stage.known().slow = false;
    until("the provider has answered", async || stage.known().refreshes == 1).await;
    assert!(stage.host.state.channels.look_after_credentials().await.is_err(), "it cannot be kept yet");
    file.execute_batch("DROP TRIGGER full").unwrap();
    stage.host.state.channels.look_after_credentials().await.unwrap();
    assert_eq!(stage.secret(&channel, "user_token").await.unwrap(), stage.known().token);
    let known = stage.known();
    assert_eq!((known.tries, known.refreshes), (1, 1), "nobody asked again");
}

/// The server that the backup was taken from may still run, with the same tokens.
#[tokio::test]
async fn a_restored_server_renews_nothing_before_it_is_released() {
    let stage = Stage::with_app().await;
    let channel = stage.connected().await;
    let folder = tempfile::tempdir().unwrap();
    let (file, data) = (folder.path().join("sambung.backup"), folder.path().join("new"));
    let quiet = |_, _| {};
    sambung::backup::create(
        &sambung::data_dir::DataDir::at(&stage.host.data),
        &file,
        "2026-11-21T08:00:00Z".into(),
        &quiet,
    )
    .unwrap();
    let key = stage.host.data.join("master.key");
    sambung::backup::restore(&sambung::data_dir::DataDir::at(&data), &file, Some(&key), 7, &quiet).await.unwrap();
    let Stage { host, provider, origin, ahead } = stage;
    drop(host.stop().await);
    let host = TestHost::start_in(data, options(&origin, &ahead)).await;
    let stage = Stage { host, provider, origin, ahead };
    stage.known().token = "withdrawn-by-the-provider".to_owned();
    stage.ahead.fetch_add(120_000, Ordering::SeqCst);
    let check = format!("{}/check", path(&channel));
    assert_eq!(stage.host.post(&check, json!({})).await.0, StatusCode::OK);
    assert_eq!(stage.known().tries, 0, "held");
    assert_eq!(stage.host.post("/v1/system/release", json!({})).await.0, StatusCode::OK);
    let (_, checked) = stage.host.post(&check, json!({})).await;
    assert_eq!((&checked["state"], stage.known().refreshes), (&json!("connected"), 1), "{checked}");
}

/// A provider is not asked every half a minute whether it has changed its mind, but it may.
#[tokio::test]
async fn a_refusal_stands_for_an_hour() {
    let stage = Stage::with_app().await;
    let channel = stage.connected().await;
    let look = async || stage.host.state.channels.look_after_credentials().await.unwrap();
    stage.known().withdrawn = true;
    stage.ahead.fetch_add(7_200_000, Ordering::SeqCst);
    for _ in 0..3 {
        look().await;
        stage.ahead.fetch_add(30_000, Ordering::SeqCst);
    }
    assert_eq!(stage.known().tries, 1);
    assert_eq!(stage.channel(&channel).await["state"], "needs_attention");
    stage.known().withdrawn = false;
    stage.ahead.fetch_add(3_600_000, Ordering::SeqCst);
    look().await;
    let shown = stage.channel(&channel).await;
    assert_eq!((&shown["state"], &shown["findings"]), (&json!("connected"), &json!([])), "{shown}");
}

/// What a provider wants is done within reason: its token ends meanwhile.
#[tokio::test]
async fn a_provider_that_names_no_possible_time_is_asked_again_after_an_hour() {
    let stage = Stage::with_app().await;
    stage.connected().await;
    stage.known().down = true;
    stage.known().nonsense = true;
    stage.ahead.fetch_add(7_200_000, Ordering::SeqCst);
    for _ in 0..2 {
        stage.host.state.channels.look_after_credentials().await.unwrap();
    }
    assert_eq!(stage.known().tries, 1, "it is left alone");
    stage.known().down = false;
    stage.ahead.fetch_add(3_600_001, Ordering::SeqCst);
    stage.host.state.channels.look_after_credentials().await.unwrap();
    assert_eq!(stage.known().refreshes, 1);
}

/// Ten minutes ahead would be always.
#[tokio::test]
async fn a_token_of_five_minutes_is_renewed_at_half_of_its_life() {
    let stage = Stage::with_app().await;
    stage.connected().await;
    stage.known().lasts = Some(300);
    for (later, refreshes) in [(7_200_000 - 599_000, 1), (61_000, 1), (90_000, 2), (61_000, 2)] {
        stage.ahead.fetch_add(later, Ordering::SeqCst);
        stage.host.state.channels.look_after_credentials().await.unwrap();
        assert_eq!(stage.known().refreshes, refreshes, "{later}");
    }
}

/// Giving back is the host's: it needs nothing of the plugin's code. And what is being renewed meanwhile goes as well.
#[tokio::test]
async fn the_newest_token_is_given_back_even_where_the_plugin_does_not_run() {
    let stage = Stage::with_app().await;
    let channel = stage.connected().await;
    renewal_under_way(&stage).await;
    assert_eq!(stage.host.post("/v1/plugins/signs-in/disable", json!({})).await.0, StatusCode::OK);
    let request = stage.host.request(Method::DELETE, &path(&channel));
    let leaving = tokio::spawn(async move { request.send().await.unwrap().status() });
    tokio::time::sleep(Duration::from_millis(300)).await;
    stage.known().slow = false;
    assert_eq!(leaving.await.unwrap(), StatusCode::NO_CONTENT);
    let known = stage.known();
    assert_eq!((known.left.len(), &known.revoked), (0, &vec![known.token.clone()]));
}
