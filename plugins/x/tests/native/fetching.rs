//! Where files are, and who people are.

use crate::support::{CUSTOMER, own_app, signed_in};
use sambung_plugin_x::X;
use sambung_sdk::http::Auth;
use sambung_sdk::json::json;
use sambung_sdk::media::{Media, Source};
use sambung_sdk::profiles::Profiles;
use sambung_sdk::testing::Host;
use sambung_sdk::types::{Identity, MediaRef};

const FILE: &str = "https://ton.twitter.com/1.1/ton/data/dm/954491830116155396/954491830116155390/Fn4Yo.jpg";

#[test]
fn a_file_is_fetched_with_the_account_s_word() {
    let _host = Host::new();
    let file = || MediaRef::new("image").reference(FILE);
    let Ok(Source::Fetch(request)) = X::resolve(own_app(), file()) else { panic!("not to be fetched") };
    assert!(request.url == FILE && matches!(request.auth, Auth::Oauth1(_)), "{request:?}");
    let Ok(Source::Fetch(request)) = X::resolve(signed_in(), file()) else { panic!("not to be fetched") };
    let address = "https://api.x.com/2/dm_conversations/media/954491830116155396/954491830116155390/Fn4Yo.jpg";
    assert!(request.url == address && matches!(request.auth, Auth::Bearer(_)), "{request:?}");
    let open = MediaRef::new("image").reference("https://pbs.twimg.com/media/a.jpg");
    assert!(matches!(X::resolve(own_app(), open), Ok(Source::Open(_))));
    let other = MediaRef::new("image").reference("https://ton.twitter.com/else/where.jpg");
    assert_eq!(X::resolve(signed_in(), other).unwrap_err().kind, "invalid");
}

#[test]
fn a_profile_is_looked_up_and_a_missing_one_is_none() {
    let host = Host::new();
    let address = format!("https://api.x.com/2/users/{CUSTOMER}?user.fields=name%2Cusername%2Cprofile_image_url");
    let who = || Identity::new("x-user", "", CUSTOMER);
    host.expect("GET", address.clone())
        .answer(200, json!({ "data": { "id": CUSTOMER, "name": "Sari", "username": "sari" } }));
    let person = X::look_up(own_app(), who(), None).unwrap().unwrap();
    assert_eq!((person.name.as_deref(), person.identities[0].value.as_str()), (Some("Sari"), CUSTOMER));
    let problem = json!({ "errors": [{ "title": "Not Found Error", "detail": "Could not find user.",
        "type": "https://api.x.com/2/problems/resource-not-found" }] });
    host.expect("GET", address).answer(200, problem);
    assert!(X::look_up(own_app(), who(), None).unwrap().is_none());
}
