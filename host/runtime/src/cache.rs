//! Native code of compiled plugins, kept between starts.
//!
//! Loading native code is trusting it, so only what this host wrote itself is taken: each file has a code beside it that is
//! made with a key of the folder's own, and a file that is damaged, foreign or made by another engine is compiled again.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use wasmtime::Engine;
use wasmtime::component::Component;

const KEY_BYTES: usize = 32;

/// A private folder of native code.
pub(crate) struct Cache {
    folder: PathBuf,
    key: [u8; KEY_BYTES],
    fingerprint: String,
    most_bytes: u64,
}

/// How long what was half written may stay: a crash left it behind.
const HALF_WRITTEN: Duration = Duration::from_secs(3600);

impl Cache {
    /// Opens the folder, and makes it, readable by nobody else, where it is not there yet.
    pub(crate) fn open(folder: &Path, engine: &Engine, most_bytes: u64) -> io::Result<Cache> {
        fs::create_dir_all(folder)?;
        private(folder, 0o700)?;
        let key = read_or_make_key(&folder.join("key"))?;
        Ok(Cache { folder: folder.to_owned(), key, fingerprint: crate::engine::fingerprint(engine), most_bytes })
    }

    /// The component with this digest, if its native code is here and is this host's own.
    pub(crate) fn load(&self, engine: &Engine, digest: &str) -> Option<Component> {
        let name = self.name(digest);
        let path = self.folder.join(&name);
        let code = fs::read(&path).ok()?;
        let seal = fs::read(self.folder.join(format!("{name}.seal"))).unwrap_or_default();
        if self.seal(&name, &code).verify_slice(&seal).is_err() {
            tracing::warn!(file = %name, "cached native code is not what this host wrote; compiling again");
            return None;
        }
        // What was used longest ago is removed first.
        let _ = fs::File::options().append(true).open(&path).and_then(|file| file.set_modified(SystemTime::now()));
        // SAFETY: these are bytes that this host's own engine gave for this digest and these settings: the seal, made with
        // a key in a private folder, covers both. They were read into memory first, so nobody changes them meanwhile.
        #[allow(unsafe_code, reason = "loading native code is unsafe by nature; see above")]
        let loaded = unsafe { Component::deserialize(engine, &code) };
        loaded
            .inspect_err(
                |error| tracing::warn!(file = %name, %error, "cached native code cannot be used; compiling again"),
            )
            .ok()
    }

    /// Keeps a component's native code. A failure costs time at the next start and nothing else.
    pub(crate) fn store(&self, digest: &str, component: &Component) {
        let name = self.name(digest);
        let kept = component.serialize().map_err(|error| io::Error::other(error.to_string())).and_then(|code| {
            let seal = self.seal(&name, &code).finalize().into_bytes();
            self.write(&format!("{name}.seal"), &seal)?;
            self.write(&name, &code)
        });
        if let Err(error) = kept {
            tracing::warn!(file = %name, %error, "cannot keep native code; it is compiled again at the next start");
        }
        self.shrink(&name);
    }

    /// Removes the native code of every file but these.
    pub(crate) fn keep_only(&self, digests: &[String]) {
        for code in self.list() {
            if !digests.iter().any(|digest| code.name.split('-').next() == Some(digest)) {
                self.remove(&code.name);
            }
        }
    }

    /// Removes what was used longest ago, until the rest is as small as it should be. `fresh` stays.
    fn shrink(&self, fresh: &str) {
        let mut all = self.list();
        all.sort_by_key(|code| code.used);
        let mut bytes: u64 = all.iter().map(|code| code.bytes).sum();
        for code in all.iter().filter(|code| code.name != fresh) {
            if bytes <= self.most_bytes {
                break;
            }
            self.remove(&code.name);
            bytes -= code.bytes;
        }
        metrics::gauge!("sambung_plugin_native_code_bytes").set(bytes as f64);
    }

    fn remove(&self, name: &str) {
        tracing::debug!(file = %name, "native code that nothing uses is removed");
        // The code first: without it its seal is nothing.
        for name in [name, &format!("{name}.seal")] {
            if let Err(error) = fs::remove_file(self.folder.join(name))
                && error.kind() != io::ErrorKind::NotFound
            {
                tracing::warn!(file = %name, %error, "native code that nothing uses cannot be removed");
            }
        }
    }

    /// The native code in the folder, also of other engines. What was half written long ago goes.
    fn list(&self) -> Vec<Code> {
        let entries = fs::read_dir(&self.folder).into_iter().flatten().flatten();
        let mut all = Vec::new();
        for entry in entries {
            let (Ok(name), Ok(facts)) = (entry.file_name().into_string(), entry.metadata()) else { continue };
            let used = facts.modified().unwrap_or(SystemTime::UNIX_EPOCH);
            if name.starts_with('.') && used.elapsed().is_ok_and(|age| age > HALF_WRITTEN) {
                let _ = fs::remove_file(entry.path());
            } else if name.ends_with(".cwasm") && !name.starts_with('.') {
                all.push(Code { name, bytes: facts.len(), used });
            }
        }
        all
    }

    fn name(&self, digest: &str) -> String {
        format!("{digest}-{}.cwasm", self.fingerprint)
    }

    fn seal(&self, name: &str, code: &[u8]) -> Hmac<Sha256> {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.key).expect("HMAC takes a key of any length");
        mac.update(name.as_bytes());
        mac.update(&[0]);
        mac.update(code);
        mac
    }

    /// By a rename: whoever reads sees the old file or the whole new one.
    fn write(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        let mut tag = [0; 8];
        getrandom::fill(&mut tag).map_err(io::Error::other)?;
        let half = self.folder.join(format!(".{name}.{}", hex::encode(tag)));
        let written = fs::File::create(&half).and_then(|mut file| {
            private(&half, 0o600)?;
            file.write_all(bytes)?;
            file.sync_all()
        });
        let renamed = written.and_then(|()| fs::rename(&half, self.folder.join(name)));
        if renamed.is_err() {
            let _ = fs::remove_file(&half);
        }
        renamed
    }
}

/// A file of native code.
struct Code {
    name: String,
    bytes: u64,
    used: SystemTime,
}

fn read_or_make_key(path: &Path) -> io::Result<[u8; KEY_BYTES]> {
    if let Ok(bytes) = fs::read(path)
        && let Ok(key) = bytes.try_into()
    {
        return Ok(key);
    }
    let mut key = [0; KEY_BYTES];
    getrandom::fill(&mut key).map_err(io::Error::other)?;
    let mut tag = [0; 8];
    getrandom::fill(&mut tag).map_err(io::Error::other)?;
    let half = path.with_extension(hex::encode(tag));
    fs::File::create(&half).and_then(|mut file| {
        private(&half, 0o600)?;
        file.write_all(&key)?;
        file.sync_all()
    })?;
    fs::rename(&half, path)?;
    Ok(key)
}

#[cfg(unix)]
fn private(path: &Path, mode: u32) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(path, fs::Permissions::from_mode(mode))
}

#[cfg(not(unix))]
fn private(_path: &Path, _mode: u32) -> io::Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The smallest component there is.
    const EMPTY: &[u8] = b"\0asm\x0d\0\x01\0";

    fn kept() -> (tempfile::TempDir, Engine, Cache) {
        let folder = tempfile::tempdir().expect("a folder");
        let engine = Engine::default();
        let cache = Cache::open(folder.path(), &engine, 1 << 30).expect("opens");
        let component = Component::new(&engine, EMPTY).expect("compiles");
        cache.store("abc", &component);
        (folder, engine, cache)
    }

    #[test]
    fn what_was_kept_is_loaded_again_also_by_the_next_process() {
        let (folder, engine, cache) = kept();
        assert!(cache.load(&engine, "abc").is_some());
        let again = Cache::open(folder.path(), &engine, 1 << 30).expect("opens");
        assert!(again.load(&engine, "abc").is_some());
        assert!(again.load(&engine, "other").is_none());
    }

    #[test]
    fn what_nothing_uses_goes_with_its_seal() {
        let (folder, engine, cache) = kept();
        cache.store("def", &Component::new(&engine, EMPTY).expect("compiles"));
        cache.keep_only(&["def".to_owned()]);
        assert!(cache.load(&engine, "abc").is_none() && cache.load(&engine, "def").is_some());
        let left = fs::read_dir(folder.path()).expect("lists").count();
        assert_eq!(left, 3, "the key, one file and its seal");
    }

    #[test]
    fn what_was_used_longest_ago_goes_first() {
        let (folder, engine, cache) = kept();
        let component = Component::new(&engine, EMPTY).expect("compiles");
        let bytes = fs::metadata(folder.path().join(cache.name("abc"))).expect("there").len();
        let age = |digest: &str, seconds: u64| {
            let file = fs::File::options().append(true).open(folder.path().join(cache.name(digest))).expect("there");
            file.set_modified(SystemTime::now() - Duration::from_secs(seconds)).expect("set");
        };
        cache.store("def", &component);
        age("abc", 2_000);
        age("def", 1_000);
        assert!(cache.load(&engine, "abc").is_some(), "it was used now");
        let small = Cache::open(folder.path(), &engine, bytes * 2).expect("opens");
        small.store("ghi", &component);
        assert!(small.load(&engine, "def").is_none(), "it was used longest ago");
        assert!(small.load(&engine, "abc").is_some() && small.load(&engine, "ghi").is_some());
    }

    #[test]
    fn a_changed_byte_is_never_loaded() {
        let (folder, engine, cache) = kept();
        let path = folder.path().join(cache.name("abc"));
        let mut code = fs::read(&path).expect("there");
        let middle = code.len() / 2;
        code[middle] ^= 1;
        fs::write(&path, code).expect("written");
        assert!(cache.load(&engine, "abc").is_none());
    }

    #[test]
    fn code_of_another_name_or_without_a_seal_is_never_loaded() {
        let (folder, engine, cache) = kept();
        let path = folder.path().join(cache.name("abc"));
        let other = folder.path().join(cache.name("def"));
        fs::copy(&path, &other).expect("copied");
        assert!(cache.load(&engine, "def").is_none());
        fs::copy(path.with_extension("cwasm.seal"), other.with_extension("cwasm.seal")).expect("copied");
        assert!(cache.load(&engine, "def").is_none());
    }

    #[cfg(unix)]
    #[test]
    fn nobody_else_may_look_into_the_folder() {
        use std::os::unix::fs::PermissionsExt;
        let (folder, _engine, _cache) = kept();
        let mode = |path: &Path| fs::metadata(path).expect("there").permissions().mode() & 0o777;
        assert_eq!(mode(folder.path()), 0o700);
        for entry in fs::read_dir(folder.path()).expect("lists") {
            assert_eq!(mode(&entry.expect("entry").path()), 0o600);
        }
    }
}
