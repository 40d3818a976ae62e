//! An outsider signs in with e-mail addresses of two megabytes, and with ever new ones, from several client addresses.

use std::time::{Duration, Instant};

use sambung_tests::bench::process::resident;
use serde_json::json;

use crate::arena::Arena;
use crate::outsider;
use crate::scale::{lasting, pick};

const PASSWORD: &str = "a good password";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn addresses_of_any_length_and_number_neither_fill_the_memory_nor_lock_a_person_out() {
    let arena = Arena::start("").await;
    let operator = arena.operator();
    let new = json!({ "email": "ann@toko.example", "name": "Ann", "role": "agent", "password": PASSWORD });
    operator.expect(201, "POST", "/v1/users", new).await;
    let right = json!({ "email": "ann@toko.example", "password": PASSWORD });
    // Ann signed in once from her address.
    operator.expect(201, "POST", "/v1/session", right.clone()).await;
    let before = resident(arena.server.pid());
    let url = operator.url("/v1/session");
    let impact = arena
        .under("sign_in_keys", move || async move {
            let until = Instant::now() + lasting();
            let long = "x".repeat(2_000_000);
            let mut attackers = Vec::new();
            for number in 0..pick(16, 64) {
                let client = outsider::client(outsider::address(u8::try_from(number).unwrap() + 1));
                let (url, long) = (url.clone(), long.clone());
                attackers.push(tokio::spawn(async move {
                    let mut tries = 0;
                    while Instant::now() < until {
                        let email = match tries % 3 {
                            0 => format!("{number}-{tries}-{long}@x.example"),
                            1 => format!("{number}-{tries}@x.example"),
                            _ => "ann@toko.example".to_owned(),
                        };
                        let form = json!({ "email": email, "password": "a wrong password" });
                        if client.post(&url).json(&form).timeout(Duration::from_secs(10)).send().await.is_ok() {
                            tries += 1;
                        }
                    }
                    tries
                }));
            }
            let mut tries = 0;
            for attacker in attackers {
                tries += attacker.await.unwrap();
            }
            tries
        })
        .await;
    let grown = resident(arena.server.pid()).saturating_sub(before) >> 20;
    impact.print("tries", format_args!("{:>9}, {grown} MB more in memory", impact.found));
    impact.assert_held();
    assert!(grown < 200, "{grown} MB more in memory");
    let (status, answer) = operator.ask("POST", "/v1/session", &right).await.unwrap();
    assert_eq!(status, 201, "Ann signs in from where she did before: {answer}");
}
