//! `kv`: a channel's small memory. Reads go to the host; writes are gathered and committed with the call's result.

use crate::call::KvWrite;
use crate::calls::Import;
use crate::contract::bindings::sambung::channel::kv::Host;
use crate::services::ServiceError;
use crate::state::State;

/// Keys that one channel may have, and so the most that one call may write.
pub const KEYS: usize = 128;
/// Bytes of a key.
pub const KEY_BYTES: usize = 128;
/// Bytes of a value.
pub const VALUE_BYTES: usize = 16 << 10;

impl Host for State {
    async fn get(&mut self, key: String) -> wasmtime::Result<Result<Option<Vec<u8>>, String>> {
        if let Err(refusal) = self.enter(Import::Kv)? {
            return Ok(Err(refusal));
        }
        if key.len() > KEY_BYTES {
            return Ok(Err(format!("a key has from 1 to {KEY_BYTES} bytes, this one {}", key.len())));
        }
        if let Some(write) = self.effects.kv.iter().find(|write| write.key == key) {
            return Ok(Ok(write.value.clone()));
        }
        let caller = self.caller.clone();
        let kv = self.services.kv.clone();
        let found = kv.get(&caller, &key).await;
        Ok(found.map_err(|error: ServiceError| error.to_string()))
    }

    async fn set(&mut self, key: String, value: Vec<u8>) -> wasmtime::Result<Result<(), String>> {
        if let Err(refusal) = self.enter(Import::Kv)? {
            return Ok(Err(refusal));
        }
        if value.len() > VALUE_BYTES {
            return Ok(Err(format!("the value has {} bytes, and {VALUE_BYTES} are allowed", value.len())));
        }
        Ok(write(&mut self.effects.kv, key, Some(value)))
    }

    async fn delete(&mut self, key: String) -> wasmtime::Result<Result<(), String>> {
        if let Err(refusal) = self.enter(Import::Kv)? {
            return Ok(Err(refusal));
        }
        Ok(write(&mut self.effects.kv, key, None))
    }
}

/// The last write of a key counts, at the place of its first.
fn write(writes: &mut Vec<KvWrite>, key: String, value: Option<Vec<u8>>) -> Result<(), String> {
    if key.is_empty() || key.len() > KEY_BYTES {
        return Err(format!("a key has from 1 to {KEY_BYTES} bytes, this one {}", key.len()));
    }
    if let Some(earlier) = writes.iter_mut().find(|write| write.key == key) {
        earlier.value = value;
        return Ok(());
    }
    if writes.len() >= KEYS {
        return Err(format!("a channel keeps at most {KEYS} keys"));
    }
    writes.push(KvWrite { key, value });
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_write_of_a_key_counts() {
        let mut writes = Vec::new();
        write(&mut writes, "a".into(), Some(vec![1])).expect("written");
        write(&mut writes, "b".into(), Some(vec![2])).expect("written");
        write(&mut writes, "a".into(), None).expect("written");
        assert_eq!(
            writes,
            [KvWrite { key: "a".into(), value: None }, KvWrite { key: "b".into(), value: Some(vec![2]) }]
        );
    }

    #[test]
    fn keys_are_bounded_in_size_and_number() {
        let mut writes = Vec::new();
        assert!(write(&mut writes, String::new(), None).is_err());
        assert!(write(&mut writes, "k".repeat(KEY_BYTES + 1), None).is_err());
        for number in 0..KEYS {
            write(&mut writes, number.to_string(), None).expect("fits");
        }
        assert!(write(&mut writes, "one more".into(), None).is_err());
        assert!(write(&mut writes, "0".into(), Some(vec![])).is_ok());
    }
}
