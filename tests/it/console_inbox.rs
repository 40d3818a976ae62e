//! The inbox in a real browser: a long list, a session that ends while something is typed, mails, pictures, a visitor who types.

use sambung_tests::api::until;
use sambung_tests::chromium::{Browser, drive};
use sambung_tests::host::Host;
use sambung_tests::providers::email::{NameServer, Postbox, deliver};
use sambung_tests::providers::telegram::{TOKEN, Telegram};
use serde_json::{Value, json};

use super::console::{shown, sign_in, until_bubble};
use super::console_team::Chat;

/// A bot's channel with this many conversations.
async fn with_conversations(telegram: &Telegram, count: i64) -> Host {
    let lines: String = telegram.overrides().iter().map(|(from, to)| format!("'{from}' = '{to}'\n")).collect();
    let host = Host::start(&format!("[egress.overrides]\n{lines}")).await;
    let bot = json!({ "plugin": "telegram", "name": "Bot", "settings": { "bot_token": TOKEN } });
    host.api().expect(201, "POST", "/v1/channels", bot).await;
    for person in 1..=count {
        telegram.writes(person, &format!("pesan {person}"));
    }
    until("every message is in a conversation", async || {
        (host.api().get("/v1/conversations/counts").await["all"] == count).then_some(())
    })
    .await;
    host
}

async fn number(browser: &Browser, script: &str) -> i64 {
    browser.run(&format!("return Math.round({script})")).await.as_i64().unwrap()
}

async fn until_number(browser: &Browser, script: &str, expected: i64) {
    until(&format!("{script} is {expected}"), async || (number(browser, script).await == expected).then_some(())).await;
}

const ROWS: &str = "document.querySelectorAll('#conversations > [data-id]').length";

#[tokio::test(flavor = "multi_thread")]
async fn a_long_list_goes_on_as_it_is_scrolled_and_keeps_its_place() {
    drive("a_long_list_goes_on_as_it_is_scrolled_and_keeps_its_place", async |chromium| {
        let telegram = Telegram::start().await;
        let host = with_conversations(&telegram, 120).await;
        let browser = chromium.open("en").await;
        sign_in(&browser, &host).await;
        until_number(&browser, ROWS, 50).await;
        let scroll =
            async |to: &str| browser.run(&format!("document.getElementById('conversations').scrollTop = {to}")).await;
        scroll("1e6").await;
        until_number(&browser, ROWS, 100).await;
        scroll("1e6").await;
        until_number(&browser, ROWS, 120).await;
        let ids =
            "new Set([...document.querySelectorAll('#conversations > [data-id]')].map((row) => row.dataset.id)).size";
        assert_eq!(number(&browser, ids).await, 120, "each conversation is there once");
        assert!(browser.find("link", "Older conversations").await.is_none());

        // A conversation far below is done: its row goes, though the first page says nothing of it.
        let low = "return document.querySelectorAll('#conversations > [data-id]')[110].dataset.id";
        let low = format!("/v1/conversations/{}/status", browser.run(low).await.as_str().unwrap());
        host.api().expect(200, "POST", &low, json!({ "status": "done" })).await;
        until_number(&browser, ROWS, 119).await;

        // A message comes while the reader looks further down: nothing moves, and a button says that there is something.
        scroll("3000").await;
        let top = number(&browser, "document.getElementById('conversations').scrollTop").await;
        telegram.writes(1, "lagi");
        browser.wait_for("button", "New at the top").await;
        assert_eq!(number(&browser, "document.getElementById('conversations').scrollTop").await, top);
        assert_eq!(number(&browser, ROWS).await, 119);

        // Opening a conversation comes back to the same place.
        browser.run("document.elementFromPoint(200, 500).closest('a.conversation').click()").await;
        until("a conversation is open", async || browser.address().await.contains("/inbox/").then_some(())).await;
        until("the list is where it was", async || {
            let now = number(&browser, "document.getElementById('conversations').scrollTop").await;
            (now == top && number(&browser, ROWS).await == 119).then_some(())
        })
        .await;
        let marked = "document.querySelectorAll('#conversations a[aria-current=page]').length";
        assert_eq!(
            number(&browser, marked).await,
            1,
            "the open conversation is marked, also on a later page of the list"
        );

        telegram.writes(2, "lagi");
        browser.click("button", "New at the top").await;
        until_number(&browser, "document.getElementById('conversations').scrollTop", 0).await;
        let first = shown(&browser, "conversation-preview").await.remove(0);
        assert!(first.contains("lagi"), "{first}");
        assert_eq!(browser.complaints().await, Vec::<String>::new());
    })
    .await;
}

/// Ends the browser's session behind the page's back.
async fn session_ends(browser: &Browser) {
    browser.run("return fetch('/sign-out', { method: 'POST' }).then(() => true)").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_was_signed_out_signs_in_in_place_and_loses_nothing() {
    drive("who_was_signed_out_signs_in_in_place_and_loses_nothing", async |chromium| {
        let host = Host::start("").await;
        let chat = Chat::begin(&host).await;
        let browser = chromium.open("en").await;
        let (email, password) = host.person().await;
        let signs_in = async |password: &str| {
            browser.click("textbox", "E-mail address").await;
            browser.type_text(&email).await;
            browser.click("textbox", "Password").await;
            browser.type_line(password).await;
        };
        browser.visit(&host.api().url("/settings/replies")).await;
        signs_in(&password).await;
        browser.click("textbox", "Name").await;
        browser.type_text("Opening hours").await;
        browser.click("textbox", "Text").await;
        browser.type_text("Until 21.00").await;
        session_ends(&browser).await;
        browser.click("button", "Save a reply").await;
        browser.wait_for("dialog", "Sign in").await;
        signs_in("not the password").await;
        until("the dialog says that it is wrong", async || {
            shown(&browser, "notice").await.iter().any(|one| one.contains("is wrong")).then_some(())
        })
        .await;
        browser.click("textbox", "Password").await;
        browser.type_line(&password).await;
        until("the form was sent", async || {
            let rows = shown(&browser, "reply-row").await;
            rows.iter().any(|row| row.contains("Until 21.00")).then_some(())
        })
        .await;

        browser.visit(&host.api().url(&format!("/inbox/{}", chat.conversation))).await;
        until_bubble(&browser, "Halo").await;
        browser.click("textbox", "Reply to Sari").await;
        browser.type_text("Sampai 21.00").await;
        session_ends(&browser).await;
        browser.enter().await;
        browser.wait_for("dialog", "Sign in").await;
        signs_in(&password).await;
        until_bubble(&browser, "Sampai 21.00").await;
        let sent = host.api().all_messages().await;
        assert_eq!(sent.iter().filter(|one| one["direction"] == "outbound").count(), 1, "{sent:?}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_sent_in_the_name_of_another_person_who_signed_in_meanwhile() {
    drive("nothing_is_sent_in_the_name_of_another_person_who_signed_in_meanwhile", async |chromium| {
        let host = Host::start("").await;
        let chat = Chat::begin(&host).await;
        let browser = chromium.open("en").await;
        sign_in(&browser, &host).await;
        let other =
            json!({ "email": "budi@toko.example", "name": "Budi", "role": "agent", "password": "a long password" });
        host.api().expect(201, "POST", "/v1/users", other).await;
        browser.visit(&host.api().url(&format!("/inbox/{}", chat.conversation))).await;
        browser.click("textbox", "Reply to Sari").await;
        browser.type_text("Dari operator").await;
        // As in another tab.
        let form = "new URLSearchParams({ email: 'budi@toko.example', password: 'a long password' })";
        browser.run(&format!("return fetch('/sign-in', {{ method: 'POST', body: {form} }}).then(() => true)")).await;
        browser.enter().await;
        until("the page is the other person's", async || {
            browser
                .run("return document.querySelector('.rail-person')?.innerText")
                .await
                .as_str()
                .map(str::to_owned)
                .filter(|name| name.contains("Budi"))
                .map(drop)
        })
        .await;
        browser.visit(&host.api().url(&format!("/inbox/{}", chat.conversation))).await;
        until_bubble(&browser, "Halo").await;
        assert_eq!(
            browser.run("return document.querySelector('.composer-text').value").await,
            "",
            "it is no draft of theirs"
        );
        let sent = host.api().all_messages().await;
        assert!(sent.iter().all(|one| one["direction"] == "inbound"), "{sent:?}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn enter_breaks_the_line_for_those_who_chose_that() {
    drive("enter_breaks_the_line_for_those_who_chose_that", async |chromium| {
        let host = Host::start("").await;
        let chat = Chat::begin(&host).await;
        let browser = chromium.open("en").await;
        sign_in(&browser, &host).await;
        let page = host.api().url(&format!("/inbox/{}", chat.conversation));
        browser.visit(&page).await;
        until_bubble(&browser, "Halo").await;
        browser.run("document.getElementById('enter-does').click()").await;
        browser.reload().await;
        browser.click("textbox", "Reply to Sari").await;
        browser.type_line("satu").await;
        browser.type_text("dua").await;
        assert_eq!(browser.run("return document.querySelector('.composer-text').value").await, "satu\ndua");
        browser.click("button", "Send").await;
        until_bubble(&browser, "satu\ndua").await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_team_sees_that_a_visitor_types_in_the_widget() {
    drive("the_team_sees_that_a_visitor_types_in_the_widget", async |chromium| {
        let host = Host::start("").await;
        let settings = json!({ "plugin": "webchat", "name": "Toko", "settings": {} });
        let channel = host.api().expect(201, "POST", "/v1/channels", settings).await;
        let (agent, visitor) = (chromium.open("en").await, chromium.open("en").await);
        sign_in(&agent, &host).await;
        visitor.visit(&host.api().url("/sign-in")).await;
        let script = format!("/widget/{}/widget.js", channel["id"].as_str().unwrap());
        visitor
            .run(&format!("const s = document.createElement('script'); s.src = '{script}'; document.body.append(s)"))
            .await;
        super::console::writes_as_a_visitor(&visitor, "Halo").await;
        let conversation = host.api().first_conversation().await;
        agent.visit(&host.api().url(&format!("/inbox/{}", conversation["id"].as_str().unwrap()))).await;
        until_bubble(&agent, "Halo").await;
        until("the page says who types", async || {
            visitor.type_text("Apakah ").await;
            let line = agent
                .run("const line = document.getElementById('typing'); return !line.hidden && line.innerText")
                .await;
            line.as_str().is_some_and(|line| line.contains("is typing…")).then_some(())
        })
        .await;
        assert_eq!(visitor.complaints().await, Vec::<String>::new());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_picture_is_shown_large_and_stands_among_the_files() {
    drive("a_picture_is_shown_large_and_stands_among_the_files", async |chromium| {
        let host = Host::start("").await;
        let chat = Chat::begin(&host).await;
        let file = chat.send_picture(&host, "foto.png").await;
        let browser = chromium.open("en").await;
        browser.resize(1440, 900).await;
        sign_in(&browser, &host).await;
        browser.visit(&host.api().url(&format!("/inbox/{}", chat.conversation))).await;
        let large = async || browser.run("return document.querySelector('#picture[open] img')?.src").await;
        for place in ["#messages", "#contact .thumbs"] {
            browser.run(&format!("document.querySelector('{place} a.opens-large').click()")).await;
            until("the picture is large", async || large().await.as_str().filter(|src| src.ends_with(&file)).map(drop))
                .await;
            browser.click("button", "Close").await;
            until("it is closed", async || large().await.is_null().then_some(())).await;
        }
        assert_eq!(browser.complaints().await, Vec::<String>::new());
    })
    .await;
}

/// A server that counts who asks for its picture, as that of a mail's sender does.
async fn tracker() -> (String, std::sync::Arc<std::sync::atomic::AtomicUsize>) {
    let asked = std::sync::Arc::<std::sync::atomic::AtomicUsize>::default();
    let counted = asked.clone();
    let router = axum::Router::new().route(
        "/pixel.png",
        axum::routing::get(async move || {
            counted.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
            "no picture"
        }),
    );
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://localhost:{}/pixel.png", listener.local_addr().unwrap().port());
    tokio::spawn(async move { axum::serve(listener, router).await });
    (address, asked)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mail_folds_what_it_quotes_and_loads_others_pictures_only_when_asked() {
    drive("a_mail_folds_what_it_quotes_and_loads_others_pictures_only_when_asked", async |chromium| {
        let names = NameServer::start(&[]).await.address();
        let postbox = Postbox::start().await;
        let config = format!(
            "[mail]\nlisten = '127.0.0.1:0'\ndomain = 'in.example'\nresolver = '{names}'\n\
             [mail.relay]\nhost = '127.0.0.1'\nport = {}\nsecurity = 'none'\n",
            postbox.address().port()
        );
        let host = Host::start(&config).await;
        let settings = json!({ "address": "support@shop.example", "display_name": "Shop", "sending": "relay" });
        let channel = json!({ "plugin": "email", "name": "Support", "settings": settings });
        let channel = host.api().expect(201, "POST", "/v1/channels", channel).await;
        let address = channel["settings"]["forwarding_address"].as_str().unwrap();
        let (pixel, asked) = tracker().await;
        let asked = || asked.load(std::sync::atomic::Ordering::SeqCst);
        let mail = format!(
            "From: Hana <hana@office.example>\nTo: support@shop.example\nSubject: Faktur\nMessage-ID: <m1@office.example>\n\
             MIME-Version: 1.0\nContent-Type: multipart/alternative; boundary=x\n\n\
             --x\nContent-Type: text/plain\n\nTerima kasih fakturnya.\n\nOn 21 May 2026 Toko <support@shop.example> wrote:\n> Terlampir faktur.\n\
             --x\nContent-Type: text/html\n\n<p>Terima kasih <b>fakturnya</b>.</p><img src=\"{pixel}\"><script>document.title='ran'</script>\
             <blockquote>Terlampir faktur.</blockquote>\n--x--\n"
        );
        deliver(host.mail(), "hana@office.example", address, &mail).await;
        let conversation = host.api().first_conversation().await;
        let browser = chromium.open("en").await;
        browser.resize(1440, 900).await;
        sign_in(&browser, &host).await;
        browser.visit(&host.api().url(&format!("/inbox/{}", conversation["id"].as_str().unwrap()))).await;
        let body = async || shown(&browser, "email-body").await.join("\n");
        until("the mail is there", async || body().await.contains("Terima kasih fakturnya.").then_some(())).await;
        let is_open = async || browser.run("return document.querySelector('.email-quote blockquote').checkVisibility()").await;
        assert_eq!(is_open().await, false, "what is quoted is folded");
        browser.run("document.querySelector('.email-quote > summary').click()").await;
        until("it opens", async || (is_open().await == true).then_some(())).await;

        // A message that comes meanwhile does not fold it again.
        let second = mail.replace("m1@", "m2@").replace("Subject: Faktur", "Subject: Re: Faktur\nIn-Reply-To: <m1@office.example>");
        deliver(host.mail(), "hana@office.example", address, &second).await;
        until("the second mail is there", async || (shown(&browser, "email-head").await.len() == 2).then_some(())).await;
        assert_eq!(is_open().await, true);

        browser.run("document.querySelector('.email-html > summary').click()").await;
        let frame = async |script: &str| {
            let script = format!("const page = document.querySelector('.email-frame').contentDocument; return {script}");
            browser.run(&script).await
        };
        until("the frame shows the mail", async || {
            let bold = frame("page?.querySelector('b')?.textContent").await;
            (bold == "fakturnya").then_some(())
        })
        .await;
        assert_eq!((asked(), frame("page.querySelectorAll('script').length").await), (0, Value::from(0)));
        frame("page.querySelector('.notice a').click()").await;
        until("the picture is asked for", async || (asked() > 0).then_some(())).await;
        assert_eq!(browser.complaints().await, Vec::<String>::new());
    })
    .await;
}
