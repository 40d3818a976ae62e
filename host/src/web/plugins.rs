//! Installed plugins: what the API and the pages do alike.

use sambung_runtime::manifest::{Destination as Allowed, Origin, Scope};
use sambung_runtime::{Inspection, Limits, Plugin as Loaded};
use serde_json::json;

use super::caller::Caller;
use super::language::Language;
use super::problem::{Answer, FieldError, Problem};
use super::state::State;
use crate::auth::Role;
use crate::db::PluginRow;
use crate::model::shown::plugin::{
    Approval, Destination, Facts, Generation, Health, Ingress, Permissions, Plugin, PluginFault, PluginHour,
    PluginLine, PluginUse, RefusedPlugin, Runtime, Secret, Sending, Webhook,
};
use crate::model::time::{HOUR, rfc3339};
use crate::plugins::{FaultOfCall, HOURS, HourOfCalls, InstallError, LineOfLog, Outcome, PluginState, Source};

impl From<InstallError> for Problem {
    fn from(error: InstallError) -> Problem {
        let words = error.to_string();
        match error {
            InstallError::Refused(_) => {
                let mut problem = Problem::invalid(vec![FieldError::new("#", "plugin-refused", words.clone())]);
                problem = problem.with("reason", words);
                problem
            }
            InstallError::Approval { digest, plugin, version, needs } => Problem::conflict("approval-needed", words)
                .with("digest", digest)
                .with("plugin", plugin)
                .with("version", version)
                .with("needs", json!(needs)),
            InstallError::Settings { plugin, version, misfits, .. } => Problem::conflict("settings-misfit", words)
                .with("plugin", plugin)
                .with("version", version)
                .with("misfits", json!(misfits)),
            InstallError::Disk(error) => Problem::internal(&error),
            InstallError::Db(error) => error.into(),
        }
    }
}

/// Every installed plugin, by id.
///
/// # Errors
/// 403 below the role admin.
pub async fn list(state: &State, caller: &Caller, language: Language) -> Answer<Vec<Plugin>> {
    caller.at_least(Role::Admin)?;
    let mut items = Vec::new();
    for row in state.db.installed_plugins().await? {
        items.push(shown(state, caller, &row, language).await?);
    }
    Ok(items)
}

/// Files of the plugins folder that were refused.
///
/// # Errors
/// 403 below the role operator.
pub async fn refused(state: &State, caller: &Caller) -> Answer<Vec<RefusedPlugin>> {
    caller.at_least(Role::Operator)?;
    let mut refused = Vec::new();
    for file in state.db.refused_files().await? {
        let (_, held) = state.db.word_on_file(&file.digest).await?;
        let approval = held.map(|held| Approval {
            plugin: held.plugin,
            version: held.version,
            needs: serde_json::from_str(&held.needs).unwrap_or_default(),
        });
        refused.push(RefusedPlugin {
            file: file.file,
            state: "refused".to_owned(),
            reason: file.reason,
            digest: file.digest,
            at: rfc3339(file.at),
            approval,
        });
    }
    Ok(refused)
}

/// One plugin.
///
/// # Errors
/// 403 below the role admin, 404 where it is not installed.
pub async fn read(state: &State, caller: &Caller, id: &str, language: Language) -> Answer<Plugin> {
    caller.at_least(Role::Admin)?;
    let row = state.db.plugin_row(id).await?.filter(|row| row.state != "removed").ok_or_else(Problem::not_found)?;
    shown(state, caller, &row, language).await
}

/// What a plugin used and said since the server started, at most a day ago.
///
/// # Errors
/// 403 below the role operator, 404 where it is not installed.
pub async fn using(state: &State, caller: &Caller, id: &str) -> Answer<PluginUse> {
    caller.at_least(Role::Operator)?;
    state.db.plugin_row(id).await?.filter(|row| row.state != "removed").ok_or_else(Problem::not_found)?;
    let figure = state.figures.of(id);
    let first = state.clock.now().div_euclid(HOUR) - HOURS + 1;
    let known: Vec<_> = figure.hours.iter().filter(|hour| hour.hour >= first).collect();
    let hour = |hour: i64| {
        let known = known.iter().find(|known| known.hour == hour).map_or(HourOfCalls::default(), |known| **known);
        PluginHour {
            at: rfc3339(hour * HOUR),
            calls: known.calls,
            failed: known.failed,
            cpu_us: known.cpu_us,
            memory_bytes: known.memory_bytes,
        }
    };
    let fault = |one: FaultOfCall| PluginFault {
        at: rfc3339(one.at),
        function: one.function,
        code: one.code,
        words: one.words,
    };
    let line = |one: LineOfLog| PluginLine { at: rfc3339(one.at), level: one.level, text: one.text };
    Ok(PluginUse {
        calls: known.iter().map(|hour| hour.calls).sum(),
        failed: known.iter().map(|hour| hour.failed).sum(),
        cpu_us: known.iter().map(|hour| hour.cpu_us).sum(),
        memory_bytes: known.iter().map(|hour| hour.memory_bytes).max().unwrap_or(0),
        hours: (first..first + HOURS).map(hour).collect(),
        faults: figure.faults.into_iter().map(fault).collect(),
        lines: figure.lines.into_iter().map(line).collect(),
    })
}

/// Installs a plugin, or puts a version in the place of another. Answers its id, and whether anything changed.
///
/// # Errors
/// 403 below the role operator, 409 where an operator has to approve it or channels would stop working, 422 for a file that is
/// refused.
pub async fn install(state: &State, caller: &Caller, wasm: Vec<u8>) -> Answer<(String, bool)> {
    caller.at_least(Role::Operator)?;
    if wasm.is_empty() {
        let words = "the body is the .wasm file, and it is empty";
        return Err(Problem::invalid(vec![FieldError::new("#", "required", words)]));
    }
    let entry = |new: &Inspection| {
        let detail = json!({ "version": new.manifest.version.to_string(), "digest": new.digest });
        Some(caller.host_entry(state.clock.now(), "plugin.install", &new.manifest.id, detail))
    };
    let installed = state.plugins.install_by(wasm, Source::Upload, entry).await?;
    Ok((installed.generation.id.clone(), installed.outcome != Outcome::Unchanged))
}

/// Most bytes of a plugin's file.
pub fn most_bytes(state: &State) -> usize {
    usize::try_from(state.config.runtime.limits.file_bytes).unwrap_or(usize::MAX)
}

/// Approves a file by its content. Answers the id of the plugin that runs now; none where no file of the plugins folder has this
/// content, which is then installed when it comes.
///
/// # Errors
/// 403 below the role operator, 409 and 422 as [`install`], 422 for what is no digest.
pub async fn approve(state: &State, caller: &Caller, digest: &str) -> Answer<Option<String>> {
    caller.at_least(Role::Operator)?;
    if digest.is_empty() {
        return Err(Problem::invalid(vec![FieldError::required("#/digest")]));
    }
    let is_digest = digest.len() == 64 && digest.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    if !is_digest {
        let words = "must be a file's SHA-256: 64 hexadecimal digits in lower case";
        return Err(Problem::invalid(vec![FieldError::new("#/digest", "format", words)]));
    }
    let entry = caller.host_entry(state.clock.now(), "plugin.approve", digest, json!({}));
    Ok(state.plugins.approve(digest, entry).await?.map(|installed| installed.generation.id.clone()))
}

/// Takes a plugin out of use.
///
/// # Errors
/// 403 below the role operator, 404 where it is not installed.
pub async fn remove(state: &State, caller: &Caller, id: &str) -> Answer<()> {
    caller.at_least(Role::Operator)?;
    let entry = caller.host_entry(state.clock.now(), "plugin.remove", id, json!({}));
    if state.plugins.remove(id, entry).await? { Ok(()) } else { Err(Problem::not_found()) }
}

/// Lets a plugin's calls run, or holds them.
///
/// # Errors
/// 403 below the role operator, 404 where it is not installed.
pub async fn set_state(state: &State, caller: &Caller, id: &str, wanted: PluginState) -> Answer<()> {
    caller.at_least(Role::Operator)?;
    let action = if wanted == PluginState::Active { "plugin.enable" } else { "plugin.disable" };
    let entry = caller.host_entry(state.clock.now(), action, id, json!({}));
    if state.plugins.set_state(id, wanted, entry).await? { Ok(()) } else { Err(Problem::not_found()) }
}

async fn shown(state: &State, caller: &Caller, row: &PluginRow, language: Language) -> Answer<Plugin> {
    // How many channels other workspaces have is the operator's to know.
    let within = (caller.role < Role::Operator).then_some(caller.workspace.as_str());
    let generation = |row: crate::db::GenerationRow| Generation {
        number: row.id,
        version: row.version,
        digest: row.digest,
        source: row.source,
        state: row.state,
        installed_at: rfc3339(row.installed_at),
        retired_at: row.retired_at.map(rfc3339),
    };
    let running = state.plugins.get(&row.id);
    let failure = || state.plugins.failure(&row.id).unwrap_or_else(|| "it is not loaded".to_owned());
    Ok(Plugin {
        id: row.id.clone(),
        state: row.state.clone(),
        channels: state.db.count_channels_of_plugin(&row.id, within).await?,
        generations: state.db.generations_of(&row.id).await?.into_iter().map(generation).collect(),
        installed_at: rfc3339(row.installed_at),
        changed_at: rfc3339(row.changed_at),
        health: Health { running: running.is_some(), reason: running.is_none().then(failure) },
        facts: running.map(|generation| facts(&generation.plugin, &state.config.runtime.limits, language)),
    })
}

fn facts(plugin: &Loaded, ceilings: &Limits, language: Language) -> Facts {
    let (manifest, texts) = (plugin.manifest(), plugin.texts(language.0));
    Facts {
        name: texts.name.clone(),
        description: texts.description.clone(),
        instructions: json!(texts.instructions),
        fields: json!(texts.fields),
        reasons: json!(texts.reasons),
        add: texts.add.clone(),
        submit: texts.submit.clone(),
        connected: json!(texts.connected),
        version: manifest.version.to_string(),
        publisher: manifest.publisher.clone(),
        license: manifest.license.clone(),
        homepage: manifest.homepage.clone(),
        digest: plugin.digest().to_owned(),
        features: json!(plugin.interfaces()),
        limits: json!(manifest.limits),
        has_apps: plugin.settings_schema("app", "en").is_some(),
        has_icon: plugin.icon().is_some_and(is_plain),
        permissions: Permissions {
            egress: manifest.egress.iter().map(destination).collect(),
            secrets: manifest.secrets.iter().map(secret).collect(),
            ingress: Ingress {
                mail: manifest.ingress.mail,
                poll: manifest.ingress.poll,
                visitor: manifest.ingress.visitor,
            },
            mail: manifest
                .mail
                .as_ref()
                .map(|sending| Sending { from: sending.from.iter().map(ToString::to_string).collect() }),
            webhooks: manifest
                .webhooks
                .iter()
                .map(|one| Webhook { name: one.name.clone(), plugin_answers: one.plugin_answers })
                .collect(),
            runtime: Runtime {
                memory_bytes: least(ceilings.memory_bytes, manifest.runtime.memory_bytes),
                cpu_ms: least(ceilings.cpu_ms.into(), manifest.runtime.cpu_ms),
                deadline_ms: least(ceilings.deadline_ms.into(), manifest.runtime.deadline_ms),
            },
        },
    }
}

/// What is granted of what was asked for, below the operator's ceiling.
fn least(ceiling: u64, asked: Option<u64>) -> u64 {
    asked.map_or(ceiling, |asked| asked.min(ceiling))
}

fn secret(declared: &sambung_runtime::manifest::SecretDecl) -> Secret {
    Secret {
        name: declared.name.clone(),
        scope: match declared.scope {
            Scope::App => "app",
            Scope::Channel => "channel",
        }
        .to_owned(),
        origin: match declared.origin {
            Origin::Admin => "admin",
            Origin::Generated(_) => "generated",
            Origin::Obtained => "obtained",
        }
        .to_owned(),
        destinations: declared.destinations.iter().map(ToString::to_string).collect(),
        places: declared.places.iter().map(ToString::to_string).collect(),
    }
}

fn destination(allowed: &Allowed) -> Destination {
    match allowed {
        Allowed::Host { target, methods } => {
            Destination { to: Some(target.to_string()), methods: methods.clone(), ..Destination::default() }
        }
        Allowed::FromSetting { setting, methods } => {
            Destination { to_setting: Some(setting.clone()), methods: methods.clone(), ..Destination::default() }
        }
        Allowed::MediaFromAnywhere => {
            Destination { to: Some("*".to_owned()), methods: vec!["GET".to_owned()], media: true, to_setting: None }
        }
    }
}

/// A picture and nothing else: no script, no handler, nothing from elsewhere. The policy it is served under says the same
/// once more.
pub fn is_plain(svg: &str) -> bool {
    let lower = svg.to_ascii_lowercase();
    let forbidden = ["<script", "<foreignobject", "<iframe", "javascript:", "<!entity", "<!doctype", "@import"];
    let mut words = lower.split(|character: char| !character.is_ascii_alphanumeric() && character != '=');
    let handler = words.any(|word| word.starts_with("on") && word.ends_with('=') && word.len() > 3);
    let elsewhere = lower.split("href=").skip(1).any(|rest| !rest.trim_start_matches(['"', '\'']).starts_with('#'));
    !handler && !elsewhere && !forbidden.iter().any(|word| lower.contains(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_with_anything_that_runs_is_not_served() {
        assert!(is_plain("<svg xmlns=\"http://www.w3.org/2000/svg\"><path d=\"M0 0\"/><use href=\"#a\"/></svg>"));
        for svg in [
            "<svg><script>alert(1)</script></svg>",
            "<svg ONLOAD=\"alert(1)\"></svg>",
            "<svg><image href=\"https://elsewhere.example/x\"/></svg>",
            "<svg><a xlink:href='javascript:alert(1)'/></svg>",
            "<!DOCTYPE svg [<!ENTITY x \"y\">]><svg/>",
        ] {
            assert!(!is_plain(svg), "{svg}");
        }
    }
}
