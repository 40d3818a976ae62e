//! `mailer`: checks each outgoing mail. This module decides which SMTP account a plugin may use and which addresses may stand in
//! `From`; the embedder speaks SMTP.

use std::sync::Arc;

use crate::call::Caller;
use crate::calls::Import;
use crate::contract::bindings::sambung::channel::mailer::Host;
use crate::contract::mailer::{Accepted, Account, MailError, Route};
use crate::contract::types::Mail;
use crate::manifest::destination::HostPattern;
use crate::manifest::{Place, SecretDecl};
use crate::meter::{Budget, Departure, Over};
use crate::services::{Leaving, MailRoute, MailSecurity, SecretValue};
use crate::state::State;

/// Bytes of the text, the HTML and the headers of one mail; files are streamed from the store.
const MAIL_BYTES: usize = 4 << 20;
/// Recipients of one mail.
const RECIPIENTS: usize = 100;

impl Host for State {
    async fn send(&mut self, mail: Mail, route: Route) -> wasmtime::Result<Result<Accepted, MailError>> {
        if let Err(refusal) = self.enter(Import::MailerSend)? {
            return Ok(Err(refuse("wrong-call", refusal)));
        }
        if let Err(error) = check(&mail).and_then(|()| self.own_addresses(&mail)) {
            return Ok(Err(error));
        }
        let route = match self.mail_route(route).await {
            Ok(route) => route,
            Err(error) => return Ok(Err(error)),
        };
        self.budget.take_egress(size(&mail) as u64)?;
        let (mailer, caller) = (self.services.mailer.clone(), self.caller.clone());
        let departure = Departure::new(self.budget.clone());
        let leaving = Charged { budget: self.budget.clone(), departure };
        let sent = mailer.send(&caller, mail, route, &leaving).await;
        // What the files would have gone beyond ends the call, as a request's body does.
        self.budget.check()?;
        if sent.as_ref().is_ok() || sent.as_ref().is_err_and(|error| !error.dispatched) {
            leaving.departure.answered();
        }
        Ok(sent)
    }

    async fn verify(&mut self, route: Route) -> wasmtime::Result<Result<(), MailError>> {
        if let Err(refusal) = self.enter(Import::MailerVerify)? {
            return Ok(Err(refuse("wrong-call", refusal)));
        }
        let route = match self.mail_route(route).await {
            Ok(route) => route,
            Err(error) => return Ok(Err(error)),
        };
        let (mailer, caller) = (self.services.mailer.clone(), self.caller.clone());
        Ok(mailer.verify(&caller, route).await)
    }
}

/// The account of one mail.
struct Charged {
    budget: Arc<Budget>,
    departure: Departure,
}

impl Leaving for Charged {
    fn charge(&self, bytes: u64) -> Result<(), Over> {
        self.budget.take_egress(bytes)
    }

    fn handing_over(&self) {
        self.departure.leaving();
    }
}

impl State {
    /// Refuses a mail whose `From` or another sender header holds an address that the manifest's `[mail]` does not name.
    fn own_addresses(&self, mail: &Mail) -> Result<(), MailError> {
        let Some(sending) = &self.manifest.mail else {
            return Err(refuse("forbidden", "plugin.toml has no `[mail]`, so that this plugin sends none"));
        };
        let Caller { settings, generated, .. } = &*self.caller;
        if mail.from.is_empty() {
            return Err(refuse("invalid", "the mail has no sender"));
        }
        let senders = mail.from.iter().map(|from| ("From", from));
        for (header, mailbox) in senders.chain(mail.reply_to.iter().map(|to| ("Reply-To", to))) {
            if !sending.from.iter().any(|source| source.is(&mailbox.address, settings, generated)) {
                let sources: Vec<String> = sending.from.iter().map(ToString::to_string).collect();
                let words = format!(
                    "`{}` may not stand in {header}: it is no address of this channel, which are {}",
                    mailbox.address,
                    sources.join(" and ")
                );
                return Err(refuse("forbidden", words));
            }
        }
        Ok(())
    }

    async fn mail_route(&mut self, route: Route) -> Result<MailRoute, MailError> {
        match route {
            Route::Relay => Ok(MailRoute::Relay),
            Route::Account(account) => self.own_account(account).await,
            Route::Other(open) => Err(refuse("invalid", format!("this host knows no route `{}`", open.kind))),
        }
    }

    async fn own_account(&mut self, account: Account) -> Result<MailRoute, MailError> {
        let security = match account.security.as_str() {
            "tls" => MailSecurity::Tls,
            "starttls" => MailSecurity::StartTls,
            other => return Err(refuse("invalid", format!("`{other}` is no way to secure a connection"))),
        };
        let declared = self.manifest.secret(&account.password);
        if !declared.is_some_and(|secret| may_go(secret, &self.caller.settings, &account.host)) {
            let words = format!(
                "the secret `{}` may not go to {}: plugin.toml binds it to no setting of this value with the place `smtp`",
                account.password, account.host
            );
            return Err(refuse("secret", words));
        }
        let password = self.secret(&account.password).await.map_err(|words| refuse("secret", words))?;
        let password: SecretValue =
            password.ok_or_else(|| refuse("secret", format!("the secret `{}` is not set", account.password)))?;
        Ok(MailRoute::Account { host: account.host, port: account.port, security, user: account.user, password })
    }
}

/// A password goes only to the server that a setting of the channel names, so that changing the setting clears the password.
fn may_go(secret: &SecretDecl, settings: &serde_json::Value, host: &str) -> bool {
    secret.places.contains(&Place::Smtp)
        && secret.destinations.iter().any(|target| match &target.host {
            HostPattern::Setting(name) => settings
                .get(name)
                .and_then(serde_json::Value::as_str)
                .is_some_and(|value| value.trim().eq_ignore_ascii_case(host)),
            _ => false,
        })
}

fn size(mail: &Mail) -> usize {
    let headers: usize = mail.headers.iter().map(|(name, value)| name.len() + value.len()).sum();
    headers + mail.text.as_ref().map_or(0, String::len) + mail.html.as_ref().map_or(0, String::len)
}

/// What no server need be asked about.
fn check(mail: &Mail) -> Result<(), MailError> {
    let recipients = mail.to.len() + mail.cc.len();
    if recipients == 0 {
        return Err(refuse("invalid", "the mail has no recipient"));
    }
    if recipients > RECIPIENTS {
        return Err(refuse("limit", format!("the mail has {recipients} recipients, and {RECIPIENTS} are allowed")));
    }
    if size(mail) > MAIL_BYTES {
        return Err(refuse("limit", format!("text, HTML and headers have more than {MAIL_BYTES} bytes")));
    }
    let forged = mail.headers.iter().any(|(name, value)| {
        !name.bytes().all(|byte| byte.is_ascii_graphic() && byte != b':') || value.contains(['\r', '\n', '\0'])
    });
    if forged {
        return Err(refuse("invalid", "a header has a character that no header may have"));
    }
    Ok(())
}

fn refuse(kind: &str, words: impl Into<String>) -> MailError {
    MailError {
        kind: kind.to_owned(),
        code: None,
        status: None,
        dispatched: false,
        words: words.into(),
        extra: Vec::new(),
    }
}
