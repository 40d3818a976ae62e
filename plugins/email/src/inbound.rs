//! What a mail is: a report about a mail of ours, a provider's question, our own come back, an automatic answer, or a message.

use crate::automatic::{self, Automatic};
use crate::confirmation::{self, Confirmation};
use crate::report::{self, Report};
use crate::settings::ChannelSettings;
use crate::{Email, FORWARDING_ADDRESS, SCHEME, ids, quotes, threads};
use sambung_sdk::inbound::{Event, Inbound, Item, Message, Notice, Outcome, Request};
use sambung_sdk::json::json;
use sambung_sdk::types::{Channel, Content, Identity, Mail, Mailbox, Person, Target};

/// The code of the notice that a mail came through.
pub const WORKS: &str = "forwarding-works";
/// A feature of the channel: a mail has come through.
pub const FORWARDING: &str = "forwarding";

impl Inbound for Email {
    fn handle_webhook(request: Request, channel: Option<Channel>) -> Result<Outcome, String> {
        let mail = request.mail.ok_or("this channel receives mail, and this is none")?;
        let channel = channel.ok_or("a mail belongs to a channel")?;
        let settings = ChannelSettings::of(&channel).map_err(|fault| fault.words)?;
        let forwarding = channel.generated(FORWARDING_ADDRESS).unwrap_or_default().to_owned();
        let proven = sambung_sdk::json::read::<serde_json::Value>(&channel.features)
            .is_ok_and(|features| features[FORWARDING] == true);
        let (id, asked) = (ids::of(&mail), confirmation::of(&mail));
        let is_question = asked.is_some();
        let mut outcome = Outcome::from(item(mail, &id, asked, &settings, &forwarding));
        if !proven && !is_question {
            let notice = Notice::new("info", WORKS, "A mail came through: forwarding works.");
            outcome.items.push(Item::event(Event::new(format!("{WORKS}:{id}"), notice)));
        }
        Ok(outcome)
    }
}

fn item(mail: Mail, id: &str, asked: Option<Confirmation>, settings: &ChannelSettings, forwarding: &str) -> Item {
    match asked {
        Some(Confirmation::Asked(notice)) => return Item::event(Event::new(format!("confirmation:{id}"), notice)),
        Some(Confirmation::Unsigned) => {
            return Item::ignored("it says that it is a forwarding confirmation, and google.com did not sign it");
        }
        None => {}
    }
    match report::of(&mail) {
        Some(Report::Says(happening)) => {
            return Item::event(Event::new(format!("report:{id}"), *happening).time(mail.date));
        }
        Some(Report::Nothing(reason)) => return Item::ignored(reason),
        None => {}
    }
    if let Some(reason) = loops(&mail, settings, forwarding) {
        return Item::ignored(reason);
    }
    let automatic = automatic::of(&mail);
    if let Some(why) = automatic.filter(|why| !why.opens()) {
        let ours = threads::signed(&mail, forwarding).is_some()
            || threads::answered(&mail).into_iter().any(|id| ids::is_own(id, settings.domain()));
        if !ours {
            return Item::ignored(format!("a program wrote it ({}), and it answers no mail of ours", why.word()));
        }
    }
    Item::event(message(mail, id, automatic, settings, forwarding))
}

/// Why a mail is our own come back.
fn loops(mail: &Mail, settings: &ChannelSettings, forwarding: &str) -> Option<&'static str> {
    let is_own = |address: &str| is_own(address, settings, forwarding);
    if mail.from.iter().any(|from| is_own(&from.address)) {
        return Some("it comes from this channel's own address: a loop, or a copy of what was sent");
    }
    mail.all_headers("x-loop").any(is_own).then_some("it went through this channel already: a loop")
}

/// Whether an address is the channel's: the one that customers know, or the one that the host made.
fn is_own(address: &str, settings: &ChannelSettings, forwarding: &str) -> bool {
    let address = address.trim().to_lowercase();
    address == settings.account() || (!forwarding.is_empty() && address == forwarding.to_lowercase())
}

fn message(
    mut mail: Mail,
    id: &str,
    automatic: Option<Automatic>,
    settings: &ChannelSettings,
    forwarding: &str,
) -> Event {
    let sender = mail.from.first().cloned();
    let person = sender.as_ref().map(|sender| sender.address.to_lowercase()).unwrap_or_default();
    let answer = threads::answered_to(&mail, |address| is_own(address, settings, forwarding)).cloned();
    let thread = threads::of(&mail, id, &person, answer.as_ref(), forwarding);
    let (time, answers) = (mail.date, mail.in_reply_to.first().cloned());
    let ranges = mail.text.as_deref().map(quotes::of_text).unwrap_or_default();
    if !ranges.is_empty() {
        mail.extra.push(("quotes".to_owned(), json!(ranges).to_string()));
    }
    mail.html = mail.html.as_deref().map(quotes::mark_html);
    if let Some(answer) = answer {
        mail.extra.push(("answered-at".to_owned(), json!(answer.address).to_string()));
    }
    if let Some(why) = automatic {
        mail.extra.push(("automatic".to_owned(), json!(why.word()).to_string()));
    }
    let mut message = Message::new(id, thread);
    message.sender = sender.as_ref().map(person_of);
    message.content = vec![Content::mail(mail)];
    message.reply_to = answers.map(Target::new);
    Event::new(format!("mail:{id}"), message).time(time)
}

fn person_of(mailbox: &Mailbox) -> Person {
    let identity = Identity::new(SCHEME, "", mailbox.address.to_lowercase());
    Person::new(identity).name(mailbox.name.clone())
}
