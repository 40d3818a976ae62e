//! Files and people.

use sambung_plugin_line::Line;
use sambung_sdk::http::Auth;
use sambung_sdk::json::json;
use sambung_sdk::media::{Media, Source};
use sambung_sdk::profiles::Profiles;
use sambung_sdk::signals::Signals;
use sambung_sdk::testing::Host;
use sambung_sdk::types::{Channel, Identity, MediaRef, Target, Thread};

use crate::support::{BOT, GROUP, USER};

const CONTENT: &str = "https://api-data.line.me/v2/bot/message/100006/content";
const TRANSCODING: &str = "https://api-data.line.me/v2/bot/message/100006/content/transcoding";

fn resolve(kind: &str) -> Result<Source, sambung_sdk::types::Fault> {
    Line::resolve(Channel::default(), MediaRef::new(kind).reference("100006"))
}

#[test]
fn an_image_is_fetched_by_its_message() {
    let _host = Host::new();
    let Source::Fetch(request) = resolve("image").unwrap() else { panic!("nothing to fetch") };
    assert_eq!(request.url, CONTENT);
    assert_eq!(request.auth, Auth::Bearer("channel_access_token".to_owned()));
}

#[test]
fn a_video_is_fetched_once_it_is_prepared() {
    for (status, expected) in [("processing", "later"), ("failed", "gone"), ("succeeded", "fetch")] {
        let host = Host::new();
        host.expect("GET", TRANSCODING).answer(200, json!({ "status": status }));
        let source = match resolve("video").unwrap() {
            Source::Fetch(request) if request.url == CONTENT => "fetch",
            Source::Later(_) => "later",
            Source::Gone(_) => "gone",
            other => panic!("{other:?}"),
        };
        assert_eq!(source, expected);
    }
}

#[test]
fn a_deleted_video_is_gone_and_a_busy_provider_is_asked_again() {
    let host = Host::new();
    host.expect("GET", TRANSCODING).answer(410, json!({ "message": "Gone" }));
    assert!(matches!(resolve("video"), Ok(Source::Gone(_))));
    host.expect("GET", TRANSCODING).answer(429, json!({ "message": "The API rate limit has been exceeded." }));
    assert_eq!(resolve("audio").unwrap_err().kind, "rate-limited");
    host.expect("GET", TRANSCODING).answer(503, json!(null));
    assert_eq!(resolve("audio").unwrap_err().kind, "unavailable");
}

#[test]
fn a_friend_is_asked_for_by_themselves_and_a_member_by_the_group() {
    let host = Host::new();
    let who = || Identity::new("line-user", BOT, USER);
    let profile = json!({ "userId": USER, "displayName": "LINE taro", "pictureUrl": "https://example.com/p.jpg" });

    host.expect("GET", format!("https://api.line.me/v2/bot/profile/{USER}")).answer(200, profile.clone());
    let alone = Thread::new(USER).context(&json!({ "kind": "user" }));
    let person = Line::look_up(Channel::default(), who(), Some(alone)).unwrap().unwrap();
    assert_eq!(person.name.as_deref(), Some("LINE taro"));
    assert_eq!(person.avatar.unwrap().url.as_deref(), Some("https://example.com/p.jpg"));

    host.expect("GET", format!("https://api.line.me/v2/bot/group/{GROUP}/member/{USER}")).answer(200, profile.clone());
    let group = Thread::new(GROUP).context(&json!({ "kind": "group" }));
    assert!(Line::look_up(Channel::default(), who(), Some(group)).unwrap().is_some());

    host.expect("GET", format!("https://api.line.me/v2/bot/room/R1/member/{USER}")).answer(200, profile);
    let room = Thread::new("R1").context(&json!({ "kind": "room" }));
    assert!(Line::look_up(Channel::default(), who(), Some(room)).unwrap().is_some());
}

#[test]
fn somebody_who_is_no_friend_has_no_profile() {
    let host = Host::new();
    host.expect("GET", format!("https://api.line.me/v2/bot/profile/{USER}"))
        .answer(404, json!({ "message": "Not found" }));
    let who = Identity::new("line-user", BOT, USER);
    assert_eq!(Line::look_up(Channel::default(), who, None).unwrap(), None);
}

#[test]
fn typing_is_shown_to_users_alone() {
    let host = Host::new();
    host.expect("POST", "https://api.line.me/v2/bot/chat/loading/start").answer(202, json!({}));
    let user = Thread::new(USER).context(&json!({ "kind": "user" }));
    Line::signal(Channel::default(), user, "typing".to_owned(), None).unwrap();
    let group = Thread::new(GROUP).context(&json!({ "kind": "group" }));
    Line::signal(Channel::default(), group, "typing".to_owned(), None).unwrap();
    assert_eq!(host.requests().len(), 1);
}

#[test]
fn a_message_is_marked_read_with_its_own_token() {
    let host = Host::new();
    host.expect("POST", "https://api.line.me/v2/bot/chat/markAsRead").answer(200, json!({}));
    let about = Target::new("1").context(&json!({ "mark_as_read_token": "nz0x74" }));
    Line::signal(Channel::default(), Thread::new(USER), "read".to_owned(), Some(about)).unwrap();
    assert_eq!(host.requests()[0].body_bytes(), br#"{"markAsReadToken":"nz0x74"}"#);
}
