//! The interfaces that a plugin exports only when it has them: absence is the missing feature.

/// Messages that the provider approved beforehand.
pub mod templates {
    pub use crate::bindings::templates::exports::sambung::channel::templates::Page;

    use crate::types::{Channel, Fault, empty};

    /// Lists the account's templates. Sending one is `Outbound::send` with a `template` content.
    pub trait Templates {
        /// Called page by page after connecting, on demand, and when a send misses a template. May use the network.
        ///
        /// # Errors
        /// Why the provider would not tell; the host begins again at the first page later.
        fn list_templates(channel: Channel, cursor: Option<String>) -> Result<Page, Fault>;
    }

    empty!(Page { templates, next, extra });
}

/// Making and removing the templates that [`templates`] lists.
pub mod template_authoring {
    use crate::types::{Channel, Fault};

    /// Makes and removes templates.
    pub trait TemplateAuthoring {
        /// Submits a template (`wit/schemas/new-template.json`) and answers with it after `wit/schemas/template.json`. May use
        /// the network.
        ///
        /// # Errors
        /// Every fault at once, each with a JSON Pointer into the template as its `field`; of kind "exists" where the provider
        /// has another of this name and language, "unavailable" where nobody knows what became of it.
        fn create_template(channel: Channel, template: String) -> Result<String, Vec<Fault>>;

        /// Removes one template, given as it was listed, and no other of its name. May use the network.
        ///
        /// # Errors
        /// Why it is still there; "not-found" says that it is not.
        fn delete_template(channel: Channel, template: String) -> Result<(), Fault>;
    }
}

/// What the provider knows about a person.
pub mod profiles {
    use crate::types::{Channel, Fault, Identity, Person, Thread};

    /// Looks people up.
    pub trait Profiles {
        /// Called when somebody new writes, and again after a while. May use the network. `None`: the provider does not
        /// tell.
        ///
        /// # Errors
        /// Why it could not be asked; tried again later, and a failure changes nothing.
        fn look_up(channel: Channel, who: Identity, thread: Option<Thread>) -> Result<Option<Person>, Fault>;
    }
}

/// How the bytes of an inbound file are fetched.
pub mod media {
    pub use crate::bindings::media::exports::sambung::channel::media::Source;

    use crate::types::{Channel, Fault, MediaRef};

    /// Says where a file is.
    pub trait Media {
        /// Called for every inbound file that carries a `ref_`. May use the network.
        ///
        /// # Errors
        /// Kinds "unavailable" and "rate-limited" are tried again with backoff; others end the fetch with their words.
        fn resolve(channel: Channel, file: MediaRef) -> Result<Source, Fault>;
    }
}

/// Small courtesies that are not messages.
pub mod signals {
    use crate::types::{Channel, Fault, Target, Thread};

    /// Shows that somebody types, or has read.
    pub trait Signals {
        /// `kind` is "typing", "read" or "acknowledge"; `about` is the message concerned. May use the network. Never
        /// retried: a late courtesy is worse than none.
        ///
        /// # Errors
        /// Logged, and nothing else.
        fn signal(channel: Channel, thread: Thread, kind: String, about: Option<Target>) -> Result<(), Fault>;
    }
}

/// Asking the provider what became of a send whose answer was lost.
pub mod reconcile {
    pub use crate::bindings::reconcile::exports::sambung::channel::reconcile::{Lost, Verdict};

    use crate::types::{Channel, Fault};

    /// Settles attempts whose state is unknown.
    pub trait Reconcile {
        /// Called with backoff until each attempt has a verdict or a person decides. Answers one by one, in order. May use
        /// the network.
        fn reconcile(channel: Channel, attempts: Vec<Lost>) -> Vec<Result<Verdict, Fault>>;
    }
}

/// Asking the provider for what is new.
pub mod polling {
    pub use crate::bindings::polling::exports::sambung::channel::polling::{Polled, Raw};

    use crate::types::{Channel, Fault, empty};

    /// Fetches what the provider holds, where it cannot or does not call by itself.
    pub trait Polling {
        /// Called again and again, one at a time, while the channel is connected. What it answers is committed together with
        /// its cursor, which the next call gets: acknowledge nothing at the provider that is not behind that cursor. May use
        /// the network and wait for news there.
        ///
        /// # Errors
        /// Why the provider could not be asked; tried again with backoff, save that "unauthorized" waits for a person.
        fn poll(channel: Channel, cursor: Option<String>) -> Result<Polled, Fault>;
    }

    empty!(Raw { path, query, headers, body, extra });
    empty!(Polled { requests, cursor, again_after_ms, extra });

    impl Raw {
        /// A request for `handle_webhook`, which gets it with the recipe "poll".
        pub fn new(body: impl Into<Vec<u8>>) -> Self {
            Self { body: body.into(), ..Self::default() }
        }

        /// What this is, where the plugin polls for several things: begins with a slash.
        pub fn path(mut self, path: impl Into<String>) -> Self {
            self.path = path.into();
            self
        }
    }

    impl Polled {
        /// Adds a request after those before it.
        pub fn request(mut self, request: Raw) -> Self {
            self.requests.push(request);
            self
        }

        /// Where the next poll begins; without it, where this one did.
        pub fn cursor(mut self, cursor: impl Into<Option<String>>) -> Self {
            self.cursor = cursor.into();
            self
        }

        /// How long to wait before the next poll, in milliseconds.
        pub fn again_after_ms(mut self, milliseconds: u64) -> Self {
            self.again_after_ms = milliseconds;
            self
        }
    }
}

/// Registrations with a provider that several channels share.
pub mod apps {
    pub use crate::bindings::apps::exports::sambung::channel::apps::{App, Prepared};

    use crate::json;
    use crate::types::{Fault, Finding, Instruction, empty};
    use serde::de::DeserializeOwned;

    /// Prepares, checks and releases a registration.
    pub trait Apps {
        /// Called when a registration is saved: idempotent. May use the network.
        ///
        /// # Errors
        /// Every fault at once, each with the setting it belongs to.
        fn prepare(app: App) -> Result<Prepared, Vec<Fault>>;

        /// Called when somebody asks how it is. May use the network.
        ///
        /// # Errors
        /// Why the provider could not be asked.
        fn check(app: App) -> Result<Vec<Finding>, Fault>;

        /// Called once when the registration is removed. May use the network.
        ///
        /// # Errors
        /// Shown, and then it is removed all the same.
        fn release(app: App) -> Result<(), Fault>;
    }

    empty!(App { id, webhook_url, settings, generated, extra });
    empty!(Prepared { name, instructions, extra });

    impl App {
        /// Reads the registration's settings. Secrets are not among them.
        ///
        /// # Errors
        /// A fault of kind "invalid" with the parser's words.
        pub fn read_settings<T: DeserializeOwned>(&self) -> Result<T, Fault> {
            json::read(&self.settings).map_err(|words| Fault::new("invalid", format!("the settings: {words}")))
        }
    }

    impl Prepared {
        /// Something that remains to be done by hand.
        pub fn instruction(mut self, instruction: Instruction) -> Self {
            self.instructions.push(instruction);
            self
        }
    }
}

/// Files that the host serves to visitors' browsers.
pub mod assets {
    pub use crate::bindings::assets::exports::sambung::channel::assets::Asset;

    /// The files of a widget.
    pub trait Assets {
        /// Called once when the plugin is loaded. A pure function: only `log` answers.
        fn files() -> Vec<Asset>;
    }

    impl Asset {
        /// A file below `/widget/{channel}/`.
        pub fn new(path: impl Into<String>, content_type: impl Into<String>, body: impl Into<Vec<u8>>) -> Self {
            Self { path: path.into(), content_type: content_type.into(), body: body.into(), extra: Vec::new() }
        }
    }
}
