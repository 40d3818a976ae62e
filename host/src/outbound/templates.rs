//! Templates on their way out: whether one may be sent with what fills it in, and which are offered instead of free text.

use sambung_runtime::contract::types::Fault;
use sambung_runtime::manifest::limits::ContentLimits;
use serde_json::{Value, json};

use super::Outbound;
use super::compose::ComposeError;
use crate::db::{ChannelRow, DbError, TemplateFilter};
use crate::model::fault::FieldError;
use crate::model::template_use;
use crate::model::windows::Window;

/// How many templates are offered at once; the list has the rest.
const MOST_OFFERED: u32 = 200;

impl Outbound {
    /// A template must be known, approved and switched on, and its parameters be what it has, no less and no more. Gives it
    /// with its files' kinds written in.
    pub(super) async fn filled_in(
        &self,
        channel: &ChannelRow,
        limits: &ContentLimits,
        json: &str,
        pointer: &str,
    ) -> Result<String, ComposeError> {
        let mut used: Value = serde_json::from_str(json).unwrap_or_default();
        let text = |key: &str| used.get(key).and_then(Value::as_str).unwrap_or_default();
        let (name, language) = (text("name"), text("language"));
        let refuse = |code: &str, words: String| {
            Err(ComposeError::Fields(vec![FieldError::new(format!("{pointer}/name"), code, words)]))
        };
        let Some(account) = channel.account_id else { return Ok(json.to_owned()) };
        let Some(known) = self.0.db.template(account, name, language).await? else {
            self.0.db.templates_missed(account, self.0.clock.now()).await?;
            let words = format!("there is no template `{name}` in `{language}`; the list is being read again");
            return refuse("unknown-template", words);
        };
        if !known.enabled {
            return refuse("template-off", format!("the template `{name}` in `{language}` is switched off"));
        }
        if !known.is_sendable() {
            let reason = known.body.get("reason").and_then(Value::as_str);
            let reason = reason.map(|reason| format!(" ({reason})")).unwrap_or_default();
            let words = format!("the template `{name}` is {}{reason} and cannot be sent", known.status);
            return refuse("template-not-approved", words);
        }
        let pointer = format!("{pointer}/parameters");
        let given = used.get("parameters");
        let mut faults = template_use::faults(&known.body, given, &pointer);
        let files = template_use::files(&known.body, given);
        for file in &files {
            let at = format!("{pointer}/{}", file.parameter);
            faults.extend(self.file_fault(channel, limits, &file.kind, &file.media_id, None, &at).await?);
        }
        if !faults.is_empty() {
            return Err(ComposeError::Fields(faults));
        }
        for file in files {
            used["parameters"][file.parameter]["kind"] = json!(file.kind);
        }
        Ok(used.to_string())
    }

    /// The templates that may be sent where nothing else may, as people see them: `None` where none of a channel's ever could.
    ///
    /// # Errors
    /// The database did not answer.
    pub async fn offered_templates(
        &self,
        channel: &ChannelRow,
        window: &Window,
    ) -> Result<Option<Vec<Value>>, DbError> {
        let allows = |need: &str| window.allows.iter().any(|allowed| allowed == need);
        let (Some(account), true, false) = (channel.account_id, allows("template"), allows("free-form")) else {
            return Ok(None);
        };
        let generation = self.0.plugins.get(&channel.plugin);
        let has = generation.is_some_and(|generation| generation.plugin.interfaces().templates);
        if !has || super::compose::lacks(&channel.features, "templates") {
            return Ok(None);
        }
        let known = self
            .0
            .db
            .templates_page(account, TemplateFilter { sendable: true, ..TemplateFilter::default() }, None, MOST_OFFERED)
            .await?;
        let shown = known.iter().map(|known| {
            let mut shown = known.shown();
            // For the plugin; a list of many would be mostly that.
            shown.as_object_mut().map(|shown| shown.remove("components"));
            shown
        });
        Ok(Some(shown.collect()))
    }
}

/// What a provider says of a template, at the field that it means.
pub(super) fn as_field(fault: &Fault) -> FieldError {
    let pointer = format!("#{}", fault.field.as_deref().unwrap_or_default());
    let words = if fault.words.trim().is_empty() { &fault.kind } else { &fault.words };
    FieldError::new(pointer, fault.kind.clone(), words.clone())
}
