//! The address that a provider is to call, where a secret in its path is what makes it unguessable: the plugin gets a marker
//! in the secret's place, and people get a name for the address, never what stood in the plugin's memory.

use super::vault::Encoding;
use crate::contract::connection::{ConnectStep, Connected, Health};
use crate::contract::types::{Channel, Finding, Instruction};
use crate::manifest::AddressKind;
use crate::recipe;
use crate::state::State;

/// What stands for the address in words for people; whoever shows them writes the whole address there.
pub const WEBHOOK_URL: &str = "{webhook_url}";

impl State {
    /// Appends the marker of the secret that the channel's address ends with, where it does.
    pub(crate) async fn mark_address(&mut self, mut channel: Channel) -> Channel {
        let manifest = self.manifest.clone();
        let name = recipe::path_secret(&manifest.webhooks, AddressKind::Channel, &self.caller.settings);
        let (Some(name), Some(address)) = (name, channel.webhook_url.as_ref()) else { return channel };
        let Ok(Some(value)) = self.secret(name).await else { return channel };
        // A provider that says where it delivers says the secret as well.
        if self.vault.placed(value.expose()).is_err() {
            return channel;
        }
        if let Ok(word) = self.vault.issue(name, Encoding::Url, value) {
            let marked = format!("{}/{word}", address.trim_end_matches('/'));
            self.vault.address = Some(marked.clone());
            channel.webhook_url = Some(marked);
        }
        channel
    }

    /// Names the address in what a person is to do.
    pub(crate) fn unmark_step(&self, step: &mut ConnectStep) {
        if let ConnectStep::Wait(waiting) = step {
            waiting.instructions.iter_mut().for_each(|instruction| self.unmark(instruction));
        }
    }

    /// Names the address in what an admin should know already now.
    pub(crate) fn unmark_connected(&self, connected: &mut Connected) {
        self.unmark_findings(&mut connected.findings);
    }

    /// Names the address in what a person should know.
    pub(crate) fn unmark_health(&self, health: &mut Health) {
        self.unmark_findings(&mut health.findings);
    }

    fn unmark_findings(&self, findings: &mut [Finding]) {
        for finding in findings {
            finding.words = self.named(&finding.words);
            finding.fix.iter_mut().for_each(|instruction| self.unmark(instruction));
        }
    }

    fn unmark(&self, instruction: &mut Instruction) {
        instruction.text = self.named(&instruction.text);
        instruction.copy = instruction.copy.as_ref().map(|text| self.named(text));
    }

    fn named(&self, text: &str) -> String {
        self.vault.address.as_ref().map_or_else(|| text.to_owned(), |address| text.replace(address, WEBHOOK_URL))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use futures_util::future::BoxFuture;
    use serde_json::json;

    use super::*;
    use crate::call::Caller;
    use crate::calls::Function;
    use crate::contract::connection::{Account, Connected, Waiting};
    use crate::contract::types::MediaRef;
    use crate::egress::{Client, Policy};
    use crate::limits::Limits;
    use crate::services::{
        Audience, BlobRead, BlobWrite, Blobs, Kv, NoMail, NoOutcomes, SecretValue, Secrets, ServiceError, Services,
    };
    use crate::wasi::Moment;
    use crate::workers::Workers;

    struct One;

    impl Secrets for One {
        fn get<'a>(&'a self, _: &'a Caller, _: &'a str) -> BoxFuture<'a, Result<Option<SecretValue>, ServiceError>> {
            Box::pin(async { Ok(Some(SecretValue::from("the-value-itself".to_owned()))) })
        }
    }

    impl Kv for One {
        fn get<'a>(&'a self, _: &'a Caller, _: &'a str) -> BoxFuture<'a, Result<Option<Vec<u8>>, ServiceError>> {
            Box::pin(async { Ok(None) })
        }
    }

    impl Blobs for One {
        fn open<'a>(&'a self, _: &'a Caller, _: &'a str) -> BoxFuture<'a, Result<BlobRead, ServiceError>> {
            Box::pin(async { Err(ServiceError::NotFound) })
        }
        fn create<'a>(&'a self, _: &'a Caller) -> BoxFuture<'a, Result<Box<dyn BlobWrite>, ServiceError>> {
            Box::pin(async { Err(ServiceError::NotFound) })
        }
        fn publish<'a>(
            &'a self,
            _: &'a Caller,
            _: &'a str,
            _: u64,
            _: Audience,
        ) -> BoxFuture<'a, Result<String, ServiceError>> {
            Box::pin(async { Err(ServiceError::NotFound) })
        }
        fn preview<'a>(
            &'a self,
            _: &'a Caller,
            _: &'a str,
            _: u32,
            _: u64,
        ) -> BoxFuture<'a, Result<Option<MediaRef>, ServiceError>> {
            Box::pin(async { Ok(None) })
        }
    }

    fn state(mode: &str) -> State {
        let manifest = "id = \"a\"\nversion = \"1.0.0\"\npublisher = \"p\"\n[[secret]]\nname = \"key\"\norigin = \"generated\"\n\
                        [[webhook]]\nname = \"w\"\nwhen = { setting = \"mode\", is = \"gateway\" }\n\
                        [[webhook.verify]]\nkind = \"secret\"\nkeys = [\"key\"]\nfrom = \"path\"\n";
        let caller = Caller { settings: json!({ "mode": mode }), ..Caller::default() };
        let one = Arc::new(One);
        State::new(
            Function::Identify,
            Arc::new(caller),
            Arc::new(crate::manifest::read(manifest).unwrap()),
            Arc::new(Services {
                secrets: one.clone(),
                kv: one.clone(),
                blobs: one,
                mailer: Arc::new(NoMail),
                outcomes: Arc::new(NoOutcomes),
            }),
            (Client::new(Policy::default()).unwrap(), Arc::new(Workers::new())),
            (&Arc::new(Limits::default()), std::time::Duration::from_secs(30)),
            Moment::Now,
        )
    }

    fn channel() -> Channel {
        Channel {
            id: "ch_1".to_owned(),
            account: None,
            app: None,
            webhook_url: Some("https://host.example/hooks/a/ch_1".to_owned()),
            settings: "{}".to_owned(),
            generated: Vec::new(),
            features: "{}".to_owned(),
            extra: Vec::new(),
        }
    }

    #[tokio::test]
    async fn a_secret_in_the_address_is_a_marker_for_the_plugin_and_a_name_for_people() {
        let mut state = state("gateway");
        let marked = state.mark_address(channel()).await.webhook_url.unwrap();
        assert!(
            marked.starts_with("https://host.example/hooks/a/ch_1/sbg") && !marked.contains("the-value"),
            "{marked}"
        );
        let instruction = |text: &str| Instruction {
            text: text.to_owned(),
            link: None,
            copy: Some(marked.clone()),
            extra: Vec::new(),
        };
        let by_hand = Finding {
            level: "info".to_owned(),
            code: "by-hand".to_owned(),
            words: format!("Set {marked} there."),
            fix: Some(instruction("Copy it.")),
            extra: Vec::new(),
        };
        let mut health = Health { findings: vec![by_hand.clone()], account: None, extra: Vec::new() };
        state.unmark_health(&mut health);
        assert_eq!(health.findings[0].words, "Set {webhook_url} there.");
        assert_eq!(health.findings[0].fix.as_ref().unwrap().copy.as_deref(), Some(WEBHOOK_URL));
        let waiting = Waiting { instructions: vec![instruction(&marked)], account: None, extra: Vec::new() };
        let mut step = ConnectStep::Wait(waiting);
        state.unmark_step(&mut step);
        assert!(matches!(step, ConnectStep::Wait(waiting) if waiting.instructions[0].text == WEBHOOK_URL));
        let account = Account {
            id: "a".to_owned(),
            name: "A".to_owned(),
            routes: Vec::new(),
            features: "{}".to_owned(),
            extra: Vec::new(),
        };
        let mut connected = Connected { account, findings: vec![by_hand], extra: Vec::new() };
        state.unmark_connected(&mut connected);
        assert_eq!(connected.findings[0].words, "Set {webhook_url} there.");
    }

    #[tokio::test]
    async fn an_address_without_a_secret_stays_as_it_is() {
        assert_eq!(state("cloud").mark_address(channel()).await, channel());
    }
}
