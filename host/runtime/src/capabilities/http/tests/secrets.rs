//! Secrets in requests: written where they are bound to, taken out of what comes back, and nowhere else.

use super::*;

#[tokio::test]
async fn auth_is_written_by_the_host_and_scrubbed_from_what_comes_back() {
    let _turn = TURN.lock().await;
    let ground = ground().await;
    let mut vault = Vault::default();
    let mut get = request("GET", "https://api.example.com/v1/me");
    get.auth = Auth::Bearer("token".to_owned());
    let response = made(&ground, &mut vault, get).await.unwrap();
    assert_eq!(seen()["headers"]["authorization"], format!("Bearer {TOKEN}"));
    let body = String::from_utf8(response.body).unwrap();
    assert!(body.contains("Bearer ***") && !body.contains("t0k"), "{body}");
    assert!(response.headers.contains(&("x-seen".to_owned(), "Bearer ***".to_owned())), "{:?}", response.headers);

    let mut get = request("GET", "https://api.example.com/v1/me");
    let basic = Basic { user: "token".to_owned(), password: "password".to_owned(), extra: Vec::new() };
    get.auth = Auth::Basic(basic);
    let response = made(&ground, &mut vault, get).await.unwrap();
    assert_eq!(seen()["headers"]["authorization"], "Basic dDBrImVuLzErMjpwYXNzIHdvcmQ=");
    assert!(!String::from_utf8(response.body).unwrap().contains("dDBrImVu"));

    let mut get = request("GET", "https://api.example.com/v1/me");
    get.auth = Auth::Oauth1(Oauth1 {
        consumer_key: "token".to_owned(),
        consumer_secret: "password".to_owned(),
        token: None,
        token_secret: None,
        params: Vec::new(),
        extra: Vec::new(),
    });
    made(&ground, &mut vault, get).await.unwrap();
    let header = seen()["headers"]["authorization"].as_str().unwrap().to_owned();
    assert!(
        header.starts_with("OAuth oauth_consumer_key=\"t0k%22en%2F1%2B2\"") && header.contains("oauth_signature="),
        "{header}"
    );
}

#[tokio::test]
async fn secrets_that_are_unset_or_undeclared_are_refused() {
    let ground = ground().await;
    for name in ["unset", "unknown"] {
        let mut get = request("GET", "https://api.example.com/v1/me");
        get.auth = Auth::Bearer(name.to_owned());
        assert_eq!(kind_of(&ground, get).await, told("secret"));
    }
}

#[tokio::test]
async fn what_a_call_keeps_serves_its_later_requests() {
    let _turn = TURN.lock().await;
    let ground = ground().await;
    let mut vault = Vault::default();
    let mut get = request("GET", "https://api.example.com/v1/echo");
    get.auth = Auth::Bearer("unset".to_owned());
    assert_eq!(kind_of(&ground, get.clone()).await, told("secret"));
    vault.keep("unset".to_owned(), SecretValue::from("handed-out".to_owned()));
    made(&ground, &mut vault, get).await.unwrap();
    assert_eq!(seen()["headers"]["authorization"], "Bearer handed-out");
}

#[tokio::test]
async fn markers_are_replaced_at_every_place_they_are_bound_to() {
    let _turn = TURN.lock().await;
    let ground = ground().await;
    let mut vault = Vault::default();
    let mut post = request("POST", "");
    post.url = format!(
        "https://api.example.com/v1/bot{}/send?key={}",
        marker(&mut vault, Encoding::Url),
        marker(&mut vault, Encoding::Url)
    );
    post.headers = vec![("X-Key".to_owned(), format!("Key {}", marker(&mut vault, Encoding::Base64)))];
    let (first, second) = (marker(&mut vault, Encoding::Json), marker(&mut vault, Encoding::Json));
    post.body = vec![Piece::Bytes(
        format!(r#"{{"auth":{{"token":"{first}"}},"list":[{{}},{{"token":"a {second} b"}}],"text":"hi"}}"#)
            .into_bytes(),
    )];
    let response = made(&ground, &mut vault, post).await.unwrap();
    let seen = seen();
    assert_eq!(seen["uri"], "/v1/bott0k%22en%2F1%2B2/send?key=t0k%22en%2F1%2B2");
    assert_eq!(seen["headers"]["x-key"], "Key dDBrImVuLzErMg==");
    let body: Value = serde_json::from_str(seen["body"].as_str().unwrap()).unwrap();
    assert_eq!(body["auth"]["token"], TOKEN);
    assert_eq!(body["list"][1]["token"], format!("a {TOKEN} b"));
    let text = String::from_utf8(response.body).unwrap();
    assert!(!text.contains("t0k"), "{text}");

    let mut vault = Vault::default();
    let mut form = request("POST", "https://api.example.com/v1/form-echo");
    form.headers = vec![("content-type".to_owned(), "application/x-www-form-urlencoded".to_owned())];
    form.body = vec![Piece::Bytes(format!("a=b&field={}", marker(&mut vault, Encoding::Url)).into_bytes())];
    made(&ground, &mut vault, form).await.unwrap();
    assert_eq!(SEEN.lock().unwrap().take().unwrap()["body"], "a=b&field=t0k%22en%2F1%2B2");
}

#[tokio::test]
async fn a_marker_elsewhere_twice_or_again_is_refused() {
    let ground = ground().await;
    let refused = async |change: &dyn Fn(&mut Request, &mut Vault)| {
        let mut vault = Vault::default();
        let mut post = request("POST", "https://api.example.com/v1/x");
        change(&mut post, &mut vault);
        let error = made(&ground, &mut vault, post).await.unwrap_err();
        assert_eq!(error.kind, "secret", "{}", error.words);
    };
    let json = |word: &str| vec![Piece::Bytes(format!("{{\"text\":\"{word}\"}}").into_bytes())];
    refused(&|post, vault| post.body = json(&marker(vault, Encoding::Json))).await;
    refused(&|post, vault| post.headers = vec![("x-other".to_owned(), marker(vault, Encoding::Base64))]).await;
    refused(&|post, vault| post.url += &format!("?other={}", marker(vault, Encoding::Url))).await;
    refused(&|post, vault| post.body = vec![Piece::Bytes(marker(vault, Encoding::Json).into_bytes())]).await;
    // As it is, the value would change the shape of the request.
    refused(&|post, vault| post.url += &format!("?key={}", marker(vault, Encoding::Raw))).await;
    refused(&|post, vault| {
        let word = marker(vault, Encoding::Raw);
        post.body = vec![Piece::Bytes(format!("{{\"auth\":{{\"token\":\"{word}\"}}}}").into_bytes())];
    })
    .await;
    refused(&|post, vault| {
        let word = marker(vault, Encoding::Url);
        post.url += &format!("?key={word}&key={word}");
    })
    .await;
    refused(&|post, vault| {
        post.url += &format!("?key={}", marker(vault, Encoding::Url));
        vault.markers[0].used = true;
    })
    .await;
    // Bound to another destination.
    let mut vault = Vault::default();
    let get = request("GET", &format!("https://other.example.com/?key={}", marker(&mut vault, Encoding::Url)));
    assert_eq!(made(&ground, &mut vault, get).await.unwrap_err().kind, "secret");
    assert!(!ground.budget.dispatched());
}

#[tokio::test]
async fn no_header_asks_for_a_part_of_an_answer_to_a_request_with_a_secret() {
    let _turn = TURN.lock().await;
    let ground = ground().await;
    let cutting = [
        ("Range", "bytes=3-5"),
        ("If-Range", "x"),
        ("X-Provider-Range", "bytes=3-5"),
        ("Accept-Encoding", "gzip"),
        ("Accept-Charset", "utf-16"),
        ("A-IM", "vcdiff"),
        ("Want-Repr-Digest", "sha-256=1"),
    ];
    for (name, value) in cutting {
        let mut plain = request("GET", "https://api.example.com/v1/echo");
        plain.headers = vec![(name.to_owned(), value.to_owned())];
        made(&ground, &mut Vault::default(), plain.clone()).await.unwrap();
        let with = |change: &dyn Fn(&mut Request, &mut Vault)| {
            let (mut request, mut vault) = (plain.clone(), Vault::default());
            change(&mut request, &mut vault);
            (request, vault)
        };
        let all = [
            with(&|request, _| request.auth = Auth::Bearer("token".to_owned())),
            with(&|request, vault| request.url += &format!("?key={}", marker(vault, Encoding::Url))),
            with(&|request, _| {
                request.captures = vec![Capture { pointer: "/a".to_owned(), label: "l".to_owned(), extra: Vec::new() }];
            }),
            // The destination knows it from an earlier request.
            with(&|_, vault| vault.placed(b"placed-before").unwrap()),
        ];
        for (request, mut vault) in all {
            let error = made(&ground, &mut vault, request).await.unwrap_err();
            assert_eq!((error.kind.as_str(), error.dispatched), ("invalid", false), "{name}");
            assert!(error.words.contains(&name.to_ascii_lowercase()), "{}", error.words);
        }
    }
    for name in ["TE", "Trailer", "Expect", "Connection", "X-HTTP-Method-Override"] {
        let mut plain = request("GET", "https://api.example.com/v1/echo");
        plain.headers = vec![(name.to_owned(), "x".to_owned())];
        assert_eq!(kind_of(&ground, plain).await, told("invalid"), "{name}");
    }
    assert_eq!(kind_of(&ground, request("TRACE", "https://api.example.com/v1/echo")).await, told("invalid"));
}

#[tokio::test]
async fn an_answer_in_which_nothing_can_be_found_is_not_shown() {
    let _turn = TURN.lock().await;
    let ground = ground().await;
    let mut get = request("GET", "https://api.example.com/v1/packed");
    made(&ground, &mut Vault::default(), get.clone()).await.unwrap();
    get.auth = Auth::Bearer("token".to_owned());
    let error = made(&ground, &mut Vault::default(), get).await.unwrap_err();
    assert_eq!((error.kind.as_str(), error.dispatched), ("invalid", true));
}

#[tokio::test]
async fn markers_in_a_large_body_are_placed_in_one_pass() {
    let _turn = TURN.lock().await;
    let ground = ground().await;
    let mut vault = Vault::default();
    let words: Vec<String> = (0..256).map(|_| marker(&mut vault, Encoding::Json)).collect();
    let mut body = String::from("{\"text\":\"");
    body.push_str(&"sbgsbgsb".repeat((6 << 20) / 8));
    body.push_str("\",\"list\":[");
    let list: Vec<String> = words.iter().map(|word| format!("{{\"token\":\"{word}\"}}")).collect();
    body.push_str(&list.join(","));
    body.push_str("]}");
    let mut post = request("POST", "https://api.example.com/v1/x");
    post.body = vec![Piece::Bytes(body.into_bytes())];
    let begun = std::time::Instant::now();
    made(&ground, &mut vault, post).await.unwrap();
    // A pass for each marker takes minutes.
    assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", begun.elapsed());
    let seen: Value = serde_json::from_str(seen()["body"].as_str().unwrap()).unwrap();
    assert!(seen["list"].as_array().unwrap().iter().all(|one| one["token"] == TOKEN));
    assert!(ground.watch.computed() > Duration::ZERO, "what the host computes counts as the call's");
}

#[tokio::test]
async fn the_pieces_of_a_body_and_the_secrets_of_a_call_are_bounded() {
    let limits = Limits { body_pieces: 2, secret_bytes: 200, memory_bytes: 1_000, ..Limits::default() };
    let ground = ground_with(limits.clone(), &["https://api.example.com"]).await;
    let mut post = request("POST", "https://api.example.com/v1/x");
    post.body = vec![Piece::Blob("blob_0".to_owned()); 3];
    assert_eq!(kind_of(&ground, post).await, told("limit"));
    let mut vault = Vault::new(&limits);
    vault.placed(&[b'a'; 50]).unwrap();
    assert!(vault.placed(&[b'b'; 50]).is_err());
    let mut post = request("POST", "https://api.example.com/v1/x");
    post.body = vec![Piece::Bytes(vec![b'a'; 1_001])];
    let over = fetch(&ground, &mut Vault::default(), post).await.unwrap_err();
    assert_eq!(over.0, CallFault::Memory);
}

#[tokio::test]
async fn text_that_looks_like_a_marker_but_was_not_issued_stays_as_it_is() {
    let _turn = TURN.lock().await;
    let ground = ground().await;
    let (mut earlier, mut vault) = (Vault::default(), Vault::default());
    let foreign = marker(&mut earlier, Encoding::Json);
    let own = marker(&mut vault, Encoding::Json);
    let mut post = request("POST", "https://api.example.com/v1/x");
    let text = format!("sbgAAAAAAAAAAAAAAAAAAAAAAAA {foreign} {{secret:token}} ${{token}}");
    post.body = vec![Piece::Bytes(json!({"auth": {"token": own}, "text": text}).to_string().into_bytes())];
    made(&ground, &mut vault, post).await.unwrap();
    let body: Value = serde_json::from_str(seen()["body"].as_str().unwrap()).unwrap();
    assert_eq!(body, json!({"auth": {"token": TOKEN}, "text": text}));
}

#[tokio::test]
async fn a_marker_is_bound_to_where_it_stands_and_not_to_where_it_is_spelt() {
    let ground = ground().await;
    let escaped = |word: &str, escape: &str| format!("{escape}{}", &word[1..]);
    let refused = async |vault: &mut Vault, request: Request| {
        let error = made(&ground, vault, request).await.unwrap_err();
        assert_eq!((error.kind.as_str(), error.dispatched), ("secret", false), "{}", error.words);
    };
    let mut vault = Vault::default();
    let word = marker(&mut vault, Encoding::Json);
    let mut json = request("POST", "https://api.example.com/v1/x");
    let body = format!("{{\"text\":\"{word}\",\"auth\":{{\"token\":\"{}\"}}}}", escaped(&word, "\\u0073"));
    json.body = vec![Piece::Bytes(body.into_bytes())];
    refused(&mut vault, json).await;
    let mut doubled = request("POST", "https://api.example.com/v1/x");
    let body =
        format!("{{\"text\":\"{word}\",\"text\":\"\",\"auth\":{{\"token\":\"{}\"}}}}", escaped(&word, "\\u0073"));
    doubled.body = vec![Piece::Bytes(body.into_bytes())];
    refused(&mut vault, doubled).await;

    let word = marker(&mut vault, Encoding::Url);
    let address = format!("https://api.example.com/v1/x?key={}&text={word}", escaped(&word, "%73"));
    refused(&mut vault, request("GET", &address)).await;
    for mime in ["application/x-www-form-urlencoded", "Application/X-WWW-Form-Urlencoded"] {
        let mut form = request("POST", "https://api.example.com/v1/x");
        form.headers = vec![("content-type".to_owned(), mime.to_owned())];
        form.body = vec![Piece::Bytes(format!("field={}&text={word}", escaped(&word, "%73")).into_bytes())];
        refused(&mut vault, form).await;
    }
    let mut two_faced = request("POST", "https://api.example.com/v1/x");
    two_faced.headers = vec![
        ("content-type".to_owned(), "application/x-www-form-urlencoded".to_owned()),
        ("content-type".to_owned(), "application/json".to_owned()),
    ];
    two_faced.body = vec![Piece::Bytes(format!("field={word}").into_bytes())];
    refused(&mut vault, two_faced).await;
}

#[tokio::test]
async fn the_search_for_long_secrets_is_built_on_a_thread_of_its_own_and_once() {
    let ground = ground().await;
    let mut vault = Vault::default();
    let secret: String = (0..10_000).map(|number| format!("{number:04}")).collect();
    vault.placed(secret.as_bytes()).unwrap();
    assert!(vault.unbuilt_bytes() > 0);
    let get = || request("GET", "https://api.example.com/v1/text");
    made(&ground, &mut vault, get()).await.unwrap();
    // The time of other threads is what counts here, and nothing else of this request is long.
    let built = ground.watch.computed();
    assert!(built > Duration::ZERO && vault.unbuilt_bytes() == 0);
    made(&ground, &mut vault, get()).await.unwrap();
    assert_eq!(ground.watch.computed(), built);

    // A refused request has words that are scrubbed as well.
    vault.placed(&secret.as_bytes()[1..]).unwrap();
    assert_eq!(
        made(&ground, &mut vault, request("POST", "https://other.example.com/")).await.unwrap_err().kind,
        "forbidden"
    );
    assert!(ground.watch.computed() > built && vault.unbuilt_bytes() == 0);
}
