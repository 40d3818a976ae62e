//! Which import answers in which call.
//!
//! Imports belong to a component and not to an export, so the host holds this table: an import that does not belong into a
//! call answers with a typed refusal. `wit/calls.md` is the same table written out for authors; a test compares the two.

/// A function that a plugin exports.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(usize)]
pub(crate) enum Function {
    SettingsSchema,
    WindowRules,
    AssetFiles,
    HandleWebhook,
    Identify,
    Register,
    Check,
    Disconnect,
    Send,
    ListTemplates,
    CreateTemplate,
    DeleteTemplate,
    LookUp,
    Resolve,
    Signal,
    Reconcile,
    Poll,
    PrepareApp,
    CheckApp,
    ReleaseApp,
}

impl Function {
    /// Every one, in the order of their numbers.
    pub(crate) const ALL: [Function; 20] = [
        Function::SettingsSchema,
        Function::WindowRules,
        Function::AssetFiles,
        Function::HandleWebhook,
        Function::Identify,
        Function::Register,
        Function::Check,
        Function::Disconnect,
        Function::Send,
        Function::ListTemplates,
        Function::CreateTemplate,
        Function::DeleteTemplate,
        Function::LookUp,
        Function::Resolve,
        Function::Signal,
        Function::Reconcile,
        Function::Poll,
        Function::PrepareApp,
        Function::CheckApp,
        Function::ReleaseApp,
    ];

    /// Interface and function as the contract writes them.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Function::SettingsSchema => "settings.settings-schema",
            Function::WindowRules => "windows.window-rules",
            Function::AssetFiles => "assets.files",
            Function::HandleWebhook => "inbound.handle-webhook",
            Function::Identify => "connection.identify",
            Function::Register => "connection.register",
            Function::Check => "connection.check",
            Function::Disconnect => "connection.disconnect",
            Function::Send => "outbound.send",
            Function::ListTemplates => "templates.list-templates",
            Function::CreateTemplate => "template-authoring.create-template",
            Function::DeleteTemplate => "template-authoring.delete-template",
            Function::LookUp => "profiles.look-up",
            Function::Resolve => "media.resolve",
            Function::Signal => "signals.signal",
            Function::Reconcile => "reconcile.reconcile",
            Function::Poll => "polling.poll",
            Function::PrepareApp => "apps.prepare",
            Function::CheckApp => "apps.check",
            Function::ReleaseApp => "apps.release",
        }
    }

    /// A function of its arguments: it may wait for nothing, its clock stands and its randomness is seeded.
    pub(crate) fn is_pure(self) -> bool {
        matches!(
            self,
            Function::SettingsSchema | Function::WindowRules | Function::AssetFiles | Function::HandleWebhook
        )
    }

    /// Whether this import answers here. `log` always does.
    pub(crate) fn allows(self, import: Import) -> bool {
        use Function::*;
        match import {
            Import::Log => true,
            Import::Crypto => !matches!(self, SettingsSchema | WindowRules | AssetFiles),
            Import::Http | Import::SecretsMarker | Import::SecretsHas => !self.is_pure(),
            Import::SecretsKeep => matches!(self, Identify | Register | Check | PrepareApp | CheckApp),
            Import::Kv => matches!(self, Identify | Register | Check | Send | Reconcile | Poll),
            Import::MediaHost | Import::Visitor | Import::MailerSend => matches!(self, Send),
            Import::MailerVerify => matches!(self, Identify | Register | Check),
        }
    }
}

/// What a plugin may ask of its host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Import {
    Log,
    Crypto,
    Http,
    SecretsMarker,
    SecretsHas,
    SecretsKeep,
    Kv,
    MediaHost,
    Visitor,
    MailerSend,
    MailerVerify,
}

impl Import {
    /// As the contract writes it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Import::Log => "log.log",
            Import::Crypto => "crypto",
            Import::Http => "http.fetch",
            Import::SecretsMarker => "secrets.marker",
            Import::SecretsHas => "secrets.has",
            Import::SecretsKeep => "secrets.keep",
            Import::Kv => "kv",
            Import::MediaHost => "media-host",
            Import::Visitor => "visitor.push",
            Import::MailerSend => "mailer.send",
            Import::MailerVerify => "mailer.verify",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const IMPORTS: [Import; 11] = [
        Import::Log,
        Import::Crypto,
        Import::Http,
        Import::SecretsMarker,
        Import::SecretsHas,
        Import::SecretsKeep,
        Import::Kv,
        Import::MediaHost,
        Import::Visitor,
        Import::MailerSend,
        Import::MailerVerify,
    ];

    #[test]
    fn the_page_for_authors_says_what_the_host_does() {
        let page = include_str!("../../../wit/calls.md");
        for function in Function::ALL {
            let start = format!("| `{}` |", function.name());
            let row = page
                .lines()
                .find(|line| line.starts_with(&start))
                .unwrap_or_else(|| panic!("wit/calls.md has no row for {}", function.name()));
            let cells: Vec<&str> = row.split('|').skip(2).map(str::trim).collect();
            for (import, cell) in IMPORTS.into_iter().zip(cells) {
                let expected = if function.allows(import) { "yes" } else { "" };
                assert_eq!(cell, expected, "{} in {}", import.name(), function.name());
            }
        }
    }

    #[test]
    fn functions_are_numbered_as_listed() {
        for (number, function) in Function::ALL.into_iter().enumerate() {
            assert_eq!(function as usize, number);
        }
    }

    #[test]
    fn nothing_that_waits_answers_where_nothing_may_wait() {
        for function in Function::ALL.into_iter().filter(|function| function.is_pure()) {
            for import in IMPORTS {
                let harmless = matches!(import, Import::Log | Import::Crypto);
                assert!(harmless || !function.allows(import), "{} in {}", import.name(), function.name());
            }
        }
    }
}
