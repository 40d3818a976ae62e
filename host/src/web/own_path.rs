//! Paths of this host to which a browser may be sent back.

/// Most bytes of such a path.
const MOST: usize = 500;

/// Whether `path` leads to a page of this host and nowhere else. `//host` and `/\host` are other sites to a browser.
pub fn is_own_path(path: &str) -> bool {
    path.len() <= MOST
        && path.starts_with('/')
        && !path.starts_with("//")
        && path.bytes().all(|b| b.is_ascii_graphic() && !matches!(b, b'\\' | b'#'))
}

#[cfg(test)]
mod tests {
    use super::is_own_path;

    #[test]
    fn only_paths_of_this_host_are_its_own() {
        for own in ["/", "/integrations", "/inbox?q=a&b=c"] {
            assert!(is_own_path(own), "{own}");
        }
        for other in ["", "inbox", "//evil.example", "/\\evil.example", "https://evil.example", "/a b", "/a\nb", "/é"]
        {
            assert!(!is_own_path(other), "{other}");
        }
        assert!(!is_own_path(&format!("/{}", "a".repeat(500))));
    }
}
