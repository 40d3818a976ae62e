//! The vocabulary of messages, people and threads, shared by every interface.
//!
//! Each type is the contract's record or variant with every field public; the functions here only spare an author the
//! fields that are empty. What a field means stands on the field.

pub use crate::bindings::plugin::sambung::channel::types::*;

use crate::json;
use serde::{Serialize, de::DeserializeOwned};

/// Gives a record the empty value for every field it lists.
macro_rules! empty {
    ($type:ty { $($field:ident),* $(,)? }) => {
        impl Default for $type {
            fn default() -> Self {
                Self { $($field: Default::default()),* }
            }
        }
    };
}
pub(crate) use empty;

empty!(Open { kind, data, line, extra });
empty!(Identity { scheme, scope, value, extra });
empty!(Person { identities, name, avatar, extra });
empty!(Thread { key, aliases, joins, context, extra });
empty!(Target { id, context, extra });
empty!(MediaRef { kind, blob, ref_, url, mime, name, bytes, width, height, duration_ms, extra });
empty!(Media { file, caption, extra });
empty!(Text { body, format, extra });
empty!(Location { latitude, longitude, name, address, extra });
empty!(Choice { id, label, of, extra });
empty!(Mail {
    envelope,
    headers,
    from,
    to,
    cc,
    reply_to,
    subject,
    message_id,
    in_reply_to,
    references,
    date,
    text,
    html,
    files,
    authentication,
    report,
    extra,
});
empty!(Mailbox { name, address, extra });
empty!(Envelope { sender, recipients, extra });
empty!(Authentication { method, verdict, domain, extra });
empty!(ReportPart { mime, text, extra });
empty!(Channel { id, account, app, webhook_url, settings, generated, features, extra });
empty!(Fault { kind, field, code, words, retry_after_ms, extra });
empty!(Instruction { text, link, copy, extra });
empty!(Finding { level, code, words, fix, extra });
empty!(Receipt { ids, thread, identities, extra });

impl Open {
    /// Something the contract has no case for: the provider's word, everything it said, and one line for people.
    pub fn new<T: Serialize + ?Sized>(kind: impl Into<String>, data: &T, line: impl Into<String>) -> Self {
        Self { kind: kind.into(), data: json::write(data), line: line.into(), ..Self::default() }
    }
}

impl Identity {
    /// Who somebody is: `scope` says inside what `value` means anything, `""` where it is unique in the world.
    pub fn new(scheme: impl Into<String>, scope: impl Into<String>, value: impl Into<String>) -> Self {
        Self { scheme: scheme.into(), scope: scope.into(), value: value.into(), ..Self::default() }
    }

    /// A phone number in E.164 digits, without the plus sign.
    pub fn phone(digits: impl Into<String>) -> Self {
        Self::new("phone", "", digits)
    }
}

impl Person {
    /// A person of whom one identity is known.
    pub fn new(identity: Identity) -> Self {
        Self { identities: vec![identity], ..Self::default() }
    }

    /// Adds an identity that is less good than those before it.
    pub fn identity(mut self, identity: Identity) -> Self {
        self.identities.push(identity);
        self
    }

    /// What they are called, where the provider says so.
    pub fn name(mut self, name: impl Into<Option<String>>) -> Self {
        self.name = name.into();
        self
    }

    /// Their picture.
    pub fn avatar(mut self, avatar: MediaRef) -> Self {
        self.avatar = Some(avatar);
        self
    }
}

impl From<Identity> for Person {
    fn from(identity: Identity) -> Self {
        Self::new(identity)
    }
}

impl Thread {
    /// The conversation of this key.
    pub fn new(key: impl Into<String>) -> Self {
        Self { key: key.into(), ..Self::default() }
    }

    /// Another key of the same conversation.
    pub fn alias(mut self, key: impl Into<String>) -> Self {
        self.aliases.push(key.into());
        self
    }

    /// A provider's message id or an attempt key whose conversation this is, after better ones.
    pub fn join(mut self, id: impl Into<String>) -> Self {
        self.joins.push(id.into());
        self
    }

    /// What the plugin needs to answer here; handed back as it is.
    pub fn context<T: Serialize + ?Sized>(mut self, context: &T) -> Self {
        self.context = Some(json::write(context));
        self
    }

    /// Reads the context that an earlier event of this thread left.
    pub fn read_context<T: DeserializeOwned>(&self) -> Option<T> {
        read_option(self.context.as_deref())
    }
}

impl Target {
    /// The provider's message of this id.
    pub fn new(id: impl Into<String>) -> Self {
        Self { id: id.into(), ..Self::default() }
    }

    /// What the plugin needs to refer to it: a quote token, a callback id.
    pub fn context<T: Serialize + ?Sized>(mut self, context: &T) -> Self {
        self.context = Some(json::write(context));
        self
    }

    /// Reads the context that the message's event left.
    pub fn read_context<T: DeserializeOwned>(&self) -> Option<T> {
        read_option(self.context.as_deref())
    }
}

impl MediaRef {
    /// A file of this kind: "image", "video", "audio", "voice", "document", "sticker", "animation".
    pub fn new(kind: impl Into<String>) -> Self {
        Self { kind: kind.into(), ..Self::default() }
    }

    /// The provider's name for the bytes, for `media.resolve`.
    pub fn reference(mut self, reference: impl Into<String>) -> Self {
        self.ref_ = Some(reference.into());
        self
    }

    /// A public address of the bytes.
    pub fn url(mut self, url: impl Into<String>) -> Self {
        self.url = Some(url.into());
        self
    }

    /// The host's name for bytes it holds.
    pub fn blob(mut self, blob: impl Into<String>) -> Self {
        self.blob = Some(blob.into());
        self
    }

    /// The media type.
    pub fn mime(mut self, mime: impl Into<Option<String>>) -> Self {
        self.mime = mime.into();
        self
    }

    /// The file's name.
    pub fn name(mut self, name: impl Into<Option<String>>) -> Self {
        self.name = name.into();
        self
    }

    /// Size in bytes.
    pub fn bytes(mut self, bytes: impl Into<Option<u64>>) -> Self {
        self.bytes = bytes.into();
        self
    }

    /// Duration in milliseconds.
    pub fn duration_ms(mut self, duration: impl Into<Option<u64>>) -> Self {
        self.duration_ms = duration.into();
        self
    }

    /// Width and height in pixels.
    pub fn size(mut self, width: u32, height: u32) -> Self {
        self.width = Some(width);
        self.height = Some(height);
        self
    }
}

impl Mailbox {
    /// An address without a name.
    pub fn new(address: impl Into<String>) -> Self {
        Self { address: address.into(), ..Self::default() }
    }

    /// The name that stands beside it.
    pub fn name(mut self, name: impl Into<Option<String>>) -> Self {
        self.name = name.into();
        self
    }
}

impl Mail {
    /// The first header of this name, in any case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// Every header of this name, in order.
    pub fn all_headers<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        let named = self.headers.iter().filter(move |(known, _)| known.eq_ignore_ascii_case(name));
        named.map(|(_, value)| value.as_str())
    }
}

impl Content {
    /// A mail.
    pub fn mail(mail: Mail) -> Self {
        Self::Mail(mail)
    }

    /// Plain text.
    pub fn text(body: impl Into<String>) -> Self {
        Self::Text(Text { body: body.into(), ..Text::default() })
    }

    /// A file without a caption.
    pub fn media(file: MediaRef) -> Self {
        Self::Media(Media { file, ..Media::default() })
    }

    /// A file and what was written under it.
    pub fn media_with_caption(file: MediaRef, caption: impl Into<Option<String>>) -> Self {
        Self::Media(Media { file, caption: caption.into(), ..Media::default() })
    }

    /// A place, in WGS 84 degrees.
    pub fn location(latitude: f64, longitude: f64) -> Self {
        Self::Location(Location { latitude, longitude, ..Location::default() })
    }

    /// A person tapped something that a message offered.
    pub fn choice(id: impl Into<String>, label: impl Into<Option<String>>) -> Self {
        Self::Choice(Choice { id: id.into(), label: label.into(), ..Choice::default() })
    }

    /// Something that happened, told in one line.
    pub fn system(line: impl Into<String>) -> Self {
        Self::System(line.into())
    }

    /// There is a message, but not one that can be shown: the provider's word for it, what it said, and a line for people.
    pub fn unsupported<T: Serialize + ?Sized>(kind: impl Into<String>, data: &T, line: impl Into<String>) -> Self {
        Self::Unsupported(Open::new(kind, data, line))
    }

    /// The word that the host's API has for this content: "text", "media", "contact_cards", …
    pub fn kind(&self) -> &str {
        match self {
            Self::Text(_) => "text",
            Self::Media(_) => "media",
            Self::Location(_) => "location",
            Self::ContactCards(_) => "contact_cards",
            Self::Interactive(_) => "interactive",
            Self::Choice(_) => "choice",
            Self::Template(_) => "template",
            Self::Mail(_) => "mail",
            Self::Referral(_) => "referral",
            Self::System(_) => "system",
            Self::Unsupported(_) => "unsupported",
            Self::Other(open) => &open.kind,
        }
    }
}

impl Channel {
    /// Reads the channel's settings into a type of the author's. Secrets are not among them.
    ///
    /// # Errors
    /// A fault of kind "invalid" with the parser's words, since the host validated the settings by the plugin's own schema.
    pub fn read_settings<T: DeserializeOwned>(&self) -> Result<T, Fault> {
        json::read(&self.settings).map_err(|words| Fault::new("invalid", format!("the settings: {words}")))
    }

    /// What the host generated under this name, if it is not secret.
    pub fn generated(&self, name: &str) -> Option<&str> {
        self.generated.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// A channel for native tests of plugin logic.
    pub fn with_settings(id: impl Into<String>, settings: &serde_json::Value) -> Self {
        Self { id: id.into(), settings: settings.to_string(), features: "{}".to_owned(), ..Self::default() }
    }
}

impl Fault {
    /// A fault of one of the contract's kinds, in the provider's words.
    pub fn new(kind: impl Into<String>, words: impl Into<String>) -> Self {
        Self { kind: kind.into(), words: words.into(), ..Self::default() }
    }

    /// The provider refused this setting.
    pub fn refused(field: impl Into<String>, words: impl Into<String>) -> Self {
        Self::new("refused", words).field(field)
    }

    /// As it is told at connecting: a credential that does not work then was never a good one, so it is "refused" and not
    /// "unauthorized".
    #[must_use]
    pub fn at_connecting(mut self) -> Self {
        if self.kind == "unauthorized" {
            self.kind = "refused".to_owned();
        }
        self
    }

    /// A credential that once worked does not any more.
    pub fn unauthorized(words: impl Into<String>) -> Self {
        Self::new("unauthorized", words)
    }

    /// The provider cannot be reached or says to try later.
    pub fn unavailable(words: impl Into<String>) -> Self {
        Self::new("unavailable", words)
    }

    /// The setting that is to blame.
    pub fn field(mut self, field: impl Into<String>) -> Self {
        self.field = Some(field.into());
        self
    }

    /// The provider's own code.
    pub fn code(mut self, code: impl Into<String>) -> Self {
        self.code = Some(code.into());
        self
    }

    /// When to try again.
    pub fn retry_after_ms(mut self, milliseconds: impl Into<Option<u64>>) -> Self {
        self.retry_after_ms = milliseconds.into();
        self
    }
}

impl Instruction {
    /// Something a person should do.
    pub fn new(text: impl Into<String>) -> Self {
        Self { text: text.into(), ..Self::default() }
    }

    /// Where to do it.
    pub fn link(mut self, link: impl Into<String>) -> Self {
        self.link = Some(link.into());
        self
    }

    /// The key of the plugin's `[reasons]` that says it in the reader's language, in the place of the text.
    pub fn reason(mut self, key: &str) -> Self {
        self.extra.push(("reason".to_owned(), ["\"", key, "\""].concat()));
        self
    }

    /// A value to copy there.
    pub fn copy(mut self, value: impl Into<String>) -> Self {
        self.copy = Some(value.into());
        self
    }
}

impl Finding {
    /// Something about a channel: `level` is "info", "warning" or "error", `code` a stable word.
    pub fn new(level: impl Into<String>, code: impl Into<String>, words: impl Into<String>) -> Self {
        Self { level: level.into(), code: code.into(), words: words.into(), ..Self::default() }
    }

    /// The provider delivers this account's messages to another address; hosts offer to register this one again.
    pub fn elsewhere(words: impl Into<String>) -> Self {
        Self::new("error", "webhook-elsewhere", words)
    }

    /// What would mend it.
    pub fn fix(mut self, fix: Instruction) -> Self {
        self.fix = Some(fix);
        self
    }
}

impl Outgoing {
    /// One content on its way, for native tests of plugin logic.
    pub fn new(attempt_key: impl Into<String>, thread: Thread, content: Content) -> Self {
        Self {
            attempt_key: attempt_key.into(),
            thread: Some(thread),
            to: Vec::new(),
            content,
            reply_to: None,
            rule: None,
            token: None,
            human: true,
            extra: Vec::new(),
        }
    }

    /// Reads the token that this send spends.
    pub fn read_token<T: DeserializeOwned>(&self) -> Option<T> {
        read_option(self.token.as_deref())
    }

    /// The recipient's identity of this scheme, the best one.
    pub fn recipient(&self, scheme: &str) -> Option<&Identity> {
        self.to.iter().find(|identity| identity.scheme == scheme)
    }
}

impl Receipt {
    /// The provider took the content and named it so.
    pub fn new(ids: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Self { ids: ids.into_iter().map(Into::into).collect(), ..Self::default() }
    }

    /// Where the message ended up.
    pub fn thread(mut self, thread: Thread) -> Self {
        self.thread = Some(thread);
        self
    }

    /// Something learnt about the recipient.
    pub fn identity(mut self, identity: Identity) -> Self {
        self.identities.push(identity);
        self
    }
}

fn read_option<T: DeserializeOwned>(text: Option<&str>) -> Option<T> {
    text.and_then(|text| serde_json::from_str(text).ok())
}
