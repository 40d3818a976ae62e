//! Native code of compiled plugins, kept between starts.
//!
//! Loading native code is trusting it, so only what this host wrote itself is taken: each file has a code beside it that is
//! made with a key of the folder's own, and a file that is damaged, foreign or made by another engine is compiled again.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

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
}

impl Cache {
    /// Opens the folder, and makes it, readable by nobody else, where it is not there yet.
    pub(crate) fn open(folder: &Path, engine: &Engine) -> io::Result<Cache> {
        fs::create_dir_all(folder)?;
        private(folder, 0o700)?;
        let key = read_or_make_key(&folder.join("key"))?;
        Ok(Cache { folder: folder.to_owned(), key, fingerprint: crate::engine::fingerprint(engine) })
    }

    /// The component with this digest, if its native code is here and is this host's own.
    pub(crate) fn load(&self, engine: &Engine, digest: &str) -> Option<Component> {
        let name = self.name(digest);
        let code = fs::read(self.folder.join(&name)).ok()?;
        let seal = fs::read(self.folder.join(format!("{name}.seal"))).unwrap_or_default();
        if self.seal(&name, &code).verify_slice(&seal).is_err() {
            tracing::warn!(file = %name, "cached native code is not what this host wrote; compiling again");
            return None;
        }
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
        let cache = Cache::open(folder.path(), &engine).expect("opens");
        let component = Component::new(&engine, EMPTY).expect("compiles");
        cache.store("abc", &component);
        (folder, engine, cache)
    }

    #[test]
    fn what_was_kept_is_loaded_again_also_by_the_next_process() {
        let (folder, engine, cache) = kept();
        assert!(cache.load(&engine, "abc").is_some());
        let again = Cache::open(folder.path(), &engine).expect("opens");
        assert!(again.load(&engine, "abc").is_some());
        assert!(again.load(&engine, "other").is_none());
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
