//! The files that a plugin gives to visitors' browsers: which types there are. A type that a browser opens as a page of the host's
//! own origin is none of them.

use crate::calls::Function;
use crate::contract::assets::Asset;
use crate::load::LoadError;

/// The types that an asset may have, as they are served.
const TYPES: [&str; 14] = [
    "text/javascript; charset=utf-8",
    "text/css; charset=utf-8",
    "text/plain; charset=utf-8",
    "application/json",
    "image/svg+xml",
    "image/png",
    "image/jpeg",
    "image/gif",
    "image/webp",
    "image/avif",
    "font/woff2",
    "audio/mpeg",
    "audio/ogg",
    "audio/wav",
];

/// Checks the paths and types of assets, and writes each type as the host serves it, whatever parameters the plugin added.
///
/// # Errors
/// A path leads out of the channel's own, or a type is not among those that the host serves.
pub(crate) fn checked(mut assets: Vec<Asset>) -> Result<Vec<Asset>, LoadError> {
    for asset in &mut assets {
        if asset.path.split('/').any(|part| matches!(part, "" | "." | "..")) {
            return Err(refused(format!("{:?} is no path below the channel's own", asset.path)));
        }
        let Some(served) = served_type(&asset.content_type) else {
            let known: Vec<&str> = TYPES.iter().map(|known| essence(known)).collect();
            let (path, given) = (&asset.path, &asset.content_type);
            return Err(refused(format!("{path:?} has the type {given:?}; the host serves {}", known.join(", "))));
        };
        served.clone_into(&mut asset.content_type);
    }
    Ok(assets)
}

fn refused(words: String) -> LoadError {
    LoadError::Answer { function: Function::AssetFiles.name(), words }
}

fn essence(content_type: &str) -> &str {
    content_type.split(';').next().unwrap_or_default().trim()
}

fn served_type(given: &str) -> Option<&'static str> {
    let given = essence(given).to_ascii_lowercase();
    let given = if given == "application/javascript" { "text/javascript" } else { given.as_str() };
    TYPES.into_iter().find(|known| essence(known) == given)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asset(path: &str, content_type: &str) -> Asset {
        Asset { path: path.to_owned(), content_type: content_type.to_owned(), body: Vec::new(), extra: Vec::new() }
    }

    #[test]
    fn a_type_is_served_as_the_host_writes_it() {
        for (given, served) in [
            ("Text/JavaScript", "text/javascript; charset=utf-8"),
            ("application/javascript;charset=latin1", "text/javascript; charset=utf-8"),
            ("image/png; x=<script>", "image/png"),
        ] {
            assert_eq!(checked(vec![asset("a", given)]).expect("is served")[0].content_type, served);
        }
    }

    #[test]
    fn pages_and_unknown_types_are_refused_with_the_path_and_the_types_there_are() {
        for given in
            ["text/html", "TEXT/HTML; charset=utf-8", "application/xhtml+xml", "text/xml", "multipart/mixed", ""]
        {
            let error = checked(vec![asset("help.html", given)]).expect_err(given).to_string();
            assert!(error.contains("help.html") && error.contains("text/css"), "{error}");
        }
        assert!(checked(vec![asset("../a.css", "text/css")]).is_err());
    }
}
