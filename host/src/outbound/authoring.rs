//! Making templates at the provider and removing them there. Neither is repeated by itself: where no answer came, or the
//! provider says that there is one already, the list is read and says what is true.

use std::sync::Arc;

use sambung_runtime::contract::types::Fault;
use serde_json::{Map, Value, json};

use super::sync::{SyncError, read};
use super::templates::as_field;
use super::{Outbound, compose};
use crate::db::{ChannelRow, DbError, KnownTemplate};
use crate::keys::MediaId;
use crate::model::audit::Entry;
use crate::model::fault::FieldError;
use crate::model::new_template::Draft;
use crate::plugins::Generation;

/// Why a template was not made or not removed.
#[derive(Debug, thiserror::Error)]
pub enum AuthoringError {
    /// The channel's templates are not made here.
    #[error("the templates of this channel cannot be made or removed here; do it at the provider")]
    None,
    /// The channel is not connected.
    #[error("this channel is not connected")]
    NotConnected,
    /// Faults of fields, all of them.
    #[error("the template cannot be made as it is")]
    Fields(Vec<FieldError>),
    /// The provider has another of this name and language.
    #[error("there is another template of this name and language")]
    Exists(Box<KnownTemplate>),
    /// The provider refused, in its words.
    #[error("{}", faults_in_words(.0))]
    Refused(Vec<Fault>),
    /// The plugin gave no result, and nothing left the host.
    #[error("{0}")]
    Call(String),
    /// The provider did not answer, and what became of it could not be read either.
    #[error(
        "{0}; whether it was done is not known. The templates are being read again: look there before you try again"
    )]
    Unknown(String),
    /// The provider did not answer, and its list says that it was not done.
    #[error("{0}; by the provider's list it was not done, so it may be tried again")]
    NotDone(String),
    /// The database did not answer.
    #[error(transparent)]
    Db(#[from] DbError),
}

/// What became of making a template.
#[derive(Debug)]
pub enum Made {
    /// The provider took it.
    New(KnownTemplate),
    /// It was there already and says the same.
    There(KnownTemplate),
}

/// Which template, of which account.
struct Place<'a> {
    account: i64,
    name: &'a str,
    language: &'a str,
}

impl Outbound {
    /// Submits a template for the provider's approval. Two of the same name and language are never made, however often it is
    /// asked: the provider refuses the second, and what it has decides.
    ///
    /// # Errors
    /// See [`AuthoringError`].
    pub async fn create_template(
        &self,
        channel: &ChannelRow,
        mut draft: Draft,
        entry: Entry,
    ) -> Result<Made, AuthoringError> {
        let (generation, account) = self.author(channel)?;
        self.describe_example(channel, &generation, &mut draft).await?;
        let _turn = self.0.template_turns.take(account).await;
        let place = Place { account, name: &draft.name, language: &draft.language };
        let before = self.0.db.template(account, place.name, place.language).await?;
        let wanted = draft.template.to_string();
        let called = generation.plugin.create_template(&channel.caller(), channel.to_contract(None), wanted).await;
        let faults = match called {
            Ok(done) => match done.value {
                Ok(json) => match read(&json) {
                    Some(made) => {
                        let made = self.0.db.put_template(&channel.workspace, account, made, entry).await?;
                        return Ok(Made::New(made));
                    }
                    None => vec![lost("the plugin's answer cannot be read")],
                },
                // Whatever the plugin says of it: only the provider's list tells what became of it.
                Err(faults) if done.unanswered => vec![lost(&faults_in_words(&faults))],
                Err(faults) => faults,
            },
            Err(error) => {
                if !error.dispatched {
                    return Err(AuthoringError::Call(error.to_string()));
                }
                vec![lost(&error.to_string())]
            }
        };
        let exists = faults.iter().any(|fault| fault.kind == "exists");
        if !exists && !faults.iter().any(|fault| fault.kind == "unavailable") {
            return Err(AuthoringError::Refused(faults));
        }
        let there = self.there(channel, &generation, &place, &faults).await?;
        match there {
            Some(known) if draft.says_the_same(&known.body) => {
                self.report(self.0.db.audit(entry).await);
                Ok(if exists || before.is_some() { Made::There(known) } else { Made::New(known) })
            }
            Some(known) => Err(AuthoringError::Exists(Box::new(known))),
            None if exists => Err(AuthoringError::Refused(faults)),
            None => Err(AuthoringError::NotDone(faults_in_words(&faults))),
        }
    }

    /// Removes a template at the provider and here. One that is not there is removed.
    ///
    /// # Errors
    /// See [`AuthoringError`].
    pub async fn delete_template(
        &self,
        channel: &ChannelRow,
        (name, language): (String, String),
        entry: Entry,
    ) -> Result<(), AuthoringError> {
        let (generation, account) = self.author(channel)?;
        let _turn = self.0.template_turns.take(account).await;
        let Some(known) = self.0.db.template(account, &name, &language).await? else { return Ok(()) };
        let given = known.named().to_string();
        let called = generation.plugin.delete_template(&channel.caller(), channel.to_contract(None), given).await;
        let fault = match called {
            Ok(done) if done.unanswered => {
                let words =
                    done.value.err().map_or_else(|| "the provider did not answer".to_owned(), |fault| fault.words);
                Some(lost(&words))
            }
            Ok(done) => done.value.err().filter(|fault| fault.kind != "not-found"),
            Err(error) => {
                if !error.dispatched {
                    return Err(AuthoringError::Call(error.to_string()));
                }
                Some(lost(&error.to_string()))
            }
        };
        if let Some(fault) = fault {
            let place = Place { account, name: &name, language: &language };
            let faults = vec![fault];
            if self.there(channel, &generation, &place, &faults).await?.is_some() {
                return Err(match faults.iter().any(|fault| fault.kind == "unavailable") {
                    true => AuthoringError::NotDone(faults_in_words(&faults)),
                    false => AuthoringError::Refused(faults),
                });
            }
        }
        self.0.db.remove_template(&channel.workspace, account, (name, language), entry).await?;
        Ok(())
    }

    /// What makes the channel's templates, and whose they are.
    fn author(&self, channel: &ChannelRow) -> Result<(Arc<Generation>, i64), AuthoringError> {
        let account = channel.account_id.ok_or(AuthoringError::NotConnected)?;
        let generation = self.0.plugins.get(&channel.plugin).filter(|generation| generation.is_active());
        let generation =
            generation.ok_or_else(|| AuthoringError::Call("the channel's plugin is not running".into()))?;
        if !generation.plugin.interfaces().template_authoring || compose::lacks(&channel.features, "templates") {
            return Err(AuthoringError::None);
        }
        Ok((generation, account))
    }

    /// What the provider has of this name and language now. Where it cannot be asked, that is told with why it was asked.
    async fn there(
        &self,
        channel: &ChannelRow,
        generation: &Arc<Generation>,
        place: &Place<'_>,
        faults: &[Fault],
    ) -> Result<Option<KnownTemplate>, AuthoringError> {
        match self.read_in_turn(channel, generation, place.account).await {
            Ok(_) => Ok(self.0.db.template(place.account, place.name, place.language).await?),
            Err(SyncError::Db(error)) => Err(error.into()),
            Err(error) => {
                tracing::warn!(%error, "what became of a template could not be read");
                self.0.db.templates_missed(place.account, self.0.clock.now()).await?;
                Err(AuthoringError::Unknown(faults_in_words(faults)))
            }
        }
    }

    /// The file that shows what will stand in the header must be there and of its kind; the plugin is told of it what the host
    /// measured.
    async fn describe_example(
        &self,
        channel: &ChannelRow,
        generation: &Generation,
        draft: &mut Draft,
    ) -> Result<(), AuthoringError> {
        let Some((kind, id)) = draft.example() else { return Ok(()) };
        let limits = &generation.plugin.manifest().limits;
        let pointer = "#/header/example";
        if let Some(fault) = self.file_fault(channel, limits, kind, id, None, pointer).await? {
            return Err(AuthoringError::Fields(vec![fault]));
        }
        let Some(file) = self.0.db.media_of(&channel.workspace, MediaId::of(id)).await? else { return Ok(()) };
        let known: [(&str, Value); 4] =
            [("blob", json!(id)), ("mime", json!(file.mime)), ("name", json!(file.name)), ("bytes", json!(file.bytes))];
        let known = known.into_iter().filter(|(_, value)| !value.is_null());
        draft.describe_example(known.map(|(key, value)| (key.to_owned(), value)).collect::<Map<_, _>>());
        Ok(())
    }
}

impl AuthoringError {
    /// The faults of fields, where somebody can mend it by writing something else.
    pub fn fields(&self) -> Option<Vec<FieldError>> {
        match self {
            AuthoringError::Fields(faults) => Some(faults.clone()),
            AuthoringError::Refused(faults) => {
                let of_the_template = |fault: &Fault| matches!(fault.kind.as_str(), "invalid" | "refused" | "exists");
                faults.iter().all(of_the_template).then(|| faults.iter().map(as_field).collect())
            }
            _ => None,
        }
    }
}

fn lost(words: &str) -> Fault {
    Fault {
        kind: "unavailable".to_owned(),
        field: None,
        code: None,
        words: words.to_owned(),
        retry_after_ms: None,
        extra: Vec::new(),
    }
}

fn faults_in_words(faults: &[Fault]) -> String {
    faults.iter().map(|fault| fault.words.as_str()).collect::<Vec<_>>().join("; ")
}
