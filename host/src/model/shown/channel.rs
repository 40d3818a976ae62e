//! What is said of a channel and of a registration with a provider.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::free::{PluginData, PluginForm, PluginSettings};

/// A channel.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Channel {
    /// `ch_…`
    pub id: String,
    /// Its plugin's id.
    pub plugin: String,
    /// What the workspace calls it.
    pub name: String,
    /// `connecting`, `connected`, `needs_attention` (a finding says why: the credential was refused, so that outbound waits and inbound goes
    /// on; or the plugin was taken out of use, so that nothing goes) or `paused`
    pub state: String,
    /// What it waits for; null where it waits for nothing.
    pub step: Option<ChannelStep>,
    /// The provider's name for the account, once connected.
    pub account: Option<String>,
    /// The provider's name for the account, for people.
    pub account_name: Option<String>,
    /// The registration with the provider that it uses.
    pub app: Option<String>,
    /// The address for the provider to call; null where there is none or `server.public_url` is not set.
    pub webhook_url: Option<String>,
    /// Where visitors of web pages write through it: the script tag, and the last page that loaded it.
    pub embed: Option<Embed>,
    /// Secrets only as `{"set": true}`.
    #[schema(value_type = PluginSettings)]
    pub settings: Value,
    /// What this account lacks or has.
    #[schema(value_type = PluginData)]
    pub features: Value,
    /// What a person should know, the worst first.
    pub findings: Vec<ChannelFinding>,
    /// When its connection was begun.
    pub created_at: String,
    /// When it changed last.
    pub changed_at: String,
}

impl Channel {
    /// Whether it has its account and nothing is left to be answered.
    pub fn is_connected(&self) -> bool {
        self.account.is_some() && self.step.is_none()
    }

    /// Puts a reason of the host's own why nothing of the channel runs before its other findings.
    pub fn stands_still(&mut self, code: &str, words: String, at: String) {
        let (code, level, source) = (code.to_owned(), "error".to_owned(), "host".to_owned());
        let detail = words.clone();
        self.findings
            .insert(0, ChannelFinding { code, level, reason: None, detail, words, fix: None, source, count: 1, at });
    }
}

/// Something that a person should know.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Finding {
    /// Stable; for programs.
    pub code: String,
    /// `info`, `warning` or `error`
    pub level: String,
    /// The plugin's word for it, where its texts have one.
    #[serde(default)]
    pub reason: Option<String>,
    /// For people, in the language of `Accept-Language`.
    #[serde(default)]
    pub detail: String,
    /// As the plugin or the provider said it.
    pub words: String,
    /// What to do about it.
    pub fix: Option<Instruction>,
}

impl Finding {
    /// As the plugin or the provider said it.
    pub fn new(level: &str, code: impl Into<String>, words: impl Into<String>, fix: Option<Instruction>) -> Finding {
        let (level, code, words) = (level.to_owned(), code.into(), words.into());
        Finding { code, level, reason: None, detail: words.clone(), words, fix }
    }
}

/// Something that a person should know of a channel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ChannelFinding {
    /// Stable; for programs.
    #[schema(example = "credential-refused")]
    pub code: String,
    /// `info`, `warning` or `error`
    #[schema(example = "error")]
    pub level: String,
    /// The plugin's word for it, where its texts have one.
    pub reason: Option<String>,
    /// For people, in the language of `Accept-Language`.
    pub detail: String,
    /// As the plugin or the provider said it.
    pub words: String,
    /// What to do about it.
    pub fix: Option<Instruction>,
    /// Who said it: `check`, `notice`, `credential`, `call`, `refused` or `host`.
    pub source: String,
    /// How often it was said.
    pub count: i64,
    /// When it was said last.
    pub at: String,
}

/// What a channel waits for. Beside an account it is the step of changed settings: until the provider takes them, those that stand
/// go on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum ChannelStep {
    /// That somebody chooses one of several accounts.
    Choose {
        /// What there is to choose.
        choices: Vec<AccountChoice>,
    },
    /// That somebody fills a form in.
    Ask {
        /// The form.
        #[schema(value_type = PluginForm)]
        schema: Value,
    },
    /// That something happens at the provider.
    Wait {
        /// What to do there.
        instructions: Vec<Instruction>,
    },
    /// That somebody opens the address in a browser, a pop-up or the same tab, and signs in with the provider.
    Authorize {
        /// The address. Only an admin is told it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        url: Option<String>,
        /// Until when it can be opened.
        expires_at: String,
        /// Why the last time led nowhere.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        error: Option<SignInError>,
    },
}

impl ChannelStep {
    /// Its `kind`.
    pub fn kind(&self) -> &'static str {
        match self {
            ChannelStep::Choose { .. } => "choose",
            ChannelStep::Ask { .. } => "ask",
            ChannelStep::Wait { .. } => "wait",
            ChannelStep::Authorize { .. } => "authorize",
        }
    }
}

/// An account that a channel may be connected with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AccountChoice {
    /// What is answered to choose it.
    pub id: String,
    /// What it is called at the provider.
    pub name: String,
    /// Whether another channel of this server has it already, so that it cannot be chosen.
    #[serde(default)]
    pub connected: bool,
    /// That channel, where it is this workspace's.
    #[serde(default)]
    pub channel: Option<ChannelName>,
}

/// A channel by its name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ChannelName {
    /// `ch_…`
    pub id: String,
    /// What the workspace calls it.
    pub name: String,
}

/// Why a sign-in with a provider led nowhere.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SignInError {
    /// Stable; for programs.
    #[schema(example = "denied")]
    pub code: String,
    /// For people, in the language of `Accept-Language`.
    pub detail: String,
    /// The provider's own words.
    #[serde(default)]
    pub provider: Option<String>,
}

/// Something that a person should do, with what helps to do it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Instruction {
    /// The plugin's word for it, where its texts have one.
    #[serde(default)]
    pub reason: Option<String>,
    /// What to do: in the language of `Accept-Language` where there is a `reason`, else as the plugin said it.
    pub text: String,
    /// Where.
    pub link: Option<String>,
    /// A value to copy.
    pub copy: Option<String>,
}

/// How a channel whose visitors write on web pages gets onto them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Embed {
    /// The script tag for every page that shall show the chat.
    #[schema(example = "<script src=\"https://chat.example/widget/ch_1/widget.js\" async></script>")]
    pub script: String,
    /// The last page of an allowed site that loaded it; null before the first.
    pub seen: Option<WidgetSeen>,
}

/// A page that loaded a channel's widget.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct WidgetSeen {
    /// The page's site.
    #[schema(example = "https://shop.example")]
    pub site: String,
    /// When, to the minute.
    pub at: String,
}
