//! The steps that a connection may stand at: as the API shows them, and which answers fit.

use sambung_runtime::contract::connection::Account;
use sambung_runtime::contract::types;
use sambung_runtime::manifest::settings;
use serde_json::{Value, json};

use super::{ChannelError, form};
use crate::db::NewSecret;
use crate::model::channel::Instruction;
use crate::model::fault::FieldError;

/// An answer that fits the step, without the secrets in it, which go their own way.
pub(super) fn fitting(step: Option<&Value>, answer: &Value) -> Result<(Value, Vec<NewSecret>), ChannelError> {
    let step = step.ok_or(ChannelError::NothingAsked)?;
    match step["kind"].as_str() {
        Some("choose") => {
            let choice = answer["choice"].as_str().unwrap_or_default();
            if choice.is_empty() {
                return Err(ChannelError::Invalid(vec![FieldError::required("#/choice")]));
            }
            let known = step["choices"].as_array().is_some_and(|choices| choices.iter().any(|one| one["id"] == choice));
            if !known {
                let detail = "is none of the choices";
                return Err(ChannelError::Invalid(vec![FieldError::new("#/choice", "choice", detail)]));
            }
            Ok((json!({ "choice": choice }), Vec::new()))
        }
        Some("ask") => {
            let faults: Vec<FieldError> = settings::validate(&step["schema"], answer)
                .into_iter()
                .map(|fault| FieldError::new(format!("#{}", fault.pointer), fault.code, fault.detail))
                .collect();
            if !faults.is_empty() {
                return Err(ChannelError::Invalid(faults));
            }
            let filled = form::fill(&step["schema"], None, answer).map_err(ChannelError::Invalid)?;
            Ok((filled.settings, filled.secrets))
        }
        _ => Err(ChannelError::NothingAsked),
    }
}

/// As they stand in the step's row; which of them are connected is looked up when it is shown.
pub(super) fn choices(accounts: &[Account]) -> Vec<Value> {
    accounts.iter().map(|account| json!({ "id": account.id, "name": account.name })).collect()
}

pub(super) fn instructions(todo: &[types::Instruction]) -> Vec<Instruction> {
    todo.iter().map(Instruction::from).collect()
}

pub(super) fn parsed(schema: &str) -> Result<Value, ChannelError> {
    serde_json::from_str(schema).map_err(|_| ChannelError::Unknown("ask without a schema".to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_has_to_fit_the_step_that_asked() {
        let choose = json!({ "kind": "choose", "choices": [{ "id": "p1", "name": "One" }] });
        assert!(fitting(Some(&choose), &json!({ "choice": "p1" })).is_ok());
        for wrong in [json!({ "choice": "p2" }), json!({}), json!({ "choice": "" })] {
            assert!(matches!(fitting(Some(&choose), &wrong), Err(ChannelError::Invalid(_))), "{wrong}");
        }
        let ask = json!({ "kind": "ask", "schema": { "type": "object", "required": ["pin"], "properties": {
            "pin": { "type": "string", "x-secret": "pin" } } } });
        let (answer, secrets) = fitting(Some(&ask), &json!({ "pin": "123456" })).expect("fits");
        assert_eq!(answer, json!({}), "a secret is not in the answer");
        assert_eq!(secrets[0].name, "pin");
        let wait = json!({ "kind": "wait", "instructions": [] });
        assert!(matches!(fitting(Some(&wait), &json!({})), Err(ChannelError::NothingAsked)));
        assert!(matches!(fitting(None, &json!({})), Err(ChannelError::NothingAsked)));
    }
}
