//! JSON in rows that holds what a plugin said, in the words of the contract: the version of its form stands beside it, so that a later
//! host knows what it reads.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::db::DbError;

/// The form that this host writes, and the only one that it reads.
const VERSION: u32 = 1;

#[derive(Serialize, Deserialize)]
struct Versioned<T> {
    v: u32,
    #[serde(flatten)]
    said: T,
}

#[derive(Deserialize)]
struct Version {
    v: u32,
}

/// What was said, as a row keeps it.
pub(in crate::db) fn write(said: &impl Serialize) -> Result<String, DbError> {
    serde_json::to_string(&Versioned { v: VERSION, said }).map_err(|error| DbError::Damaged(error.to_string()))
}

/// What a row keeps of what was said; an error where another version of the host wrote it, in a form that this one does not know.
pub(in crate::db) fn read<T: DeserializeOwned>(kept: &str) -> Result<T, DbError> {
    let damaged = |error: serde_json::Error| DbError::Damaged(error.to_string());
    let Version { v } = serde_json::from_str(kept).map_err(damaged)?;
    if v != VERSION {
        return Err(DbError::Damaged(format!(
            "it is in form {v}, and this version of the program reads form {VERSION}"
        )));
    }
    Ok(serde_json::from_str::<Versioned<T>>(kept).map_err(damaged)?.said)
}

#[cfg(test)]
mod tests {
    use sambung_runtime::contract::types::Identity;

    use super::*;

    #[test]
    fn what_is_kept_is_read_back_and_another_form_is_told() {
        let said = Identity { scheme: "user".into(), scope: String::new(), value: "U1".into(), extra: Vec::new() };
        let kept = write(&said).expect("written");
        assert_eq!(read::<Identity>(&kept).expect("read"), said);
        let later = kept.replacen("\"v\":1", "\"v\":2", 1);
        let error = read::<Identity>(&later).expect_err("another form");
        assert!(error.to_string().contains("form 2"), "{error}");
    }
}
