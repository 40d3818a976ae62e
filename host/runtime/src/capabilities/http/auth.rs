//! The `Authorization` header, written by the host from names of secrets.

use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::Method;
use http::header::AUTHORIZATION;
use percent_encoding::utf8_percent_encode;
use url::Url;
use zeroize::Zeroizing;

use super::prepare::Draft;
use super::{Failure, Ground, place, refuse};
use crate::capabilities::vault::{URL_ENCODED, Vault};
use crate::contract::http::{Auth, Basic, Oauth1};
use crate::manifest::Place;
use crate::manifest::webhook::Algorithm;
use crate::recipe::mac;

/// Bytes of the parameters that an OAuth 1.0 signature covers.
const MAX_PARAMS: usize = 128 << 10;

/// Writes the header that `auth` asks for.
pub(super) async fn authorize(
    ground: &Ground,
    vault: &mut Vault,
    draft: &mut Draft,
    auth: Auth,
) -> Result<(), Failure> {
    if !matches!(auth, Auth::None) && draft.header("authorization").is_some() {
        return Err(refuse("invalid", "`auth` and a header `authorization` at once"));
    }
    let header = match auth {
        Auth::None => return Ok(()),
        Auth::Bearer(name) => {
            let token = value(ground, vault, &draft.url, &name).await?;
            format!("Bearer {}", token.as_str())
        }
        Auth::Basic(Basic { user, password, .. }) => {
            let user = value(ground, vault, &draft.url, &user).await?;
            let password = value(ground, vault, &draft.url, &password).await?;
            let pair = Zeroizing::new(format!("{}:{}", user.as_str(), password.as_str()));
            vault.placed(pair.as_bytes()).map_err(|words| refuse("limit", words))?;
            format!("Basic {}", STANDARD.encode(pair.as_bytes()))
        }
        Auth::Oauth1(oauth1) => oauth1_header(ground, vault, (&draft.method, &draft.url), oauth1).await?,
        Auth::Other(open) => return Err(refuse("invalid", format!("unknown kind of auth `{}`", open.kind))),
    };
    if header.chars().any(|c| c.is_control()) || !header.is_ascii() {
        return Err(refuse("secret", "the secret holds characters that no header can carry"));
    }
    draft.headers.push((AUTHORIZATION, header));
    Ok(())
}

async fn value(ground: &Ground, vault: &mut Vault, url: &Url, name: &str) -> Result<Zeroizing<String>, Failure> {
    place::bound(ground, name, &Place::Auth, url)?;
    let secret = match vault.kept(name) {
        Some(kept) => kept.clone(),
        None => ground.secret(name).await?,
    };
    vault.placed(secret.expose()).map_err(|words| refuse("limit", words))?;
    let text = std::str::from_utf8(secret.expose());
    text.map(|text| Zeroizing::new(text.to_owned()))
        .map_err(|_| refuse("secret", format!("the secret `{name}` is no text")))
}

async fn oauth1_header(
    ground: &Ground,
    vault: &mut Vault,
    (method, url): (&Method, &Url),
    oauth1: Oauth1,
) -> Result<String, Failure> {
    let bytes: usize = oauth1.params.iter().map(|(name, value)| name.len() + value.len()).sum();
    if bytes > MAX_PARAMS {
        return Err(refuse("limit", format!("the parameters to sign have {bytes} bytes; {MAX_PARAMS} are allowed")));
    }
    let consumer_key = value(ground, vault, url, &oauth1.consumer_key).await?;
    let consumer_secret = value(ground, vault, url, &oauth1.consumer_secret).await?;
    let token = match &oauth1.token {
        Some(name) => Some(value(ground, vault, url, name).await?),
        None => None,
    };
    let token_secret = match &oauth1.token_secret {
        Some(name) => value(ground, vault, url, name).await?,
        None => Zeroizing::new(String::new()),
    };
    let mut random = [0u8; 16];
    getrandom::fill(&mut random).map_err(|_| refuse("limit", "the host has no randomness"))?;
    let seconds = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let mut own = vec![
        ("oauth_consumer_key".to_owned(), consumer_key.to_string()),
        ("oauth_nonce".to_owned(), hex::encode(random)),
        ("oauth_signature_method".to_owned(), "HMAC-SHA1".to_owned()),
        ("oauth_timestamp".to_owned(), seconds.to_string()),
        ("oauth_version".to_owned(), "1.0".to_owned()),
    ];
    own.extend(token.map(|token| ("oauth_token".to_owned(), token.to_string())));
    let params = [own.as_slice(), &oauth1.params].concat();
    let signature = sign(method.as_str(), url, &params, &consumer_secret, &token_secret);
    own.push(("oauth_signature".to_owned(), signature));
    let fields: Vec<String> = own.iter().map(|(name, value)| format!("{name}=\"{}\"", encoded(value))).collect();
    Ok(format!("OAuth {}", fields.join(", ")))
}

fn encoded(text: &str) -> String {
    utf8_percent_encode(text, URL_ENCODED).to_string()
}

/// RFC 5849, section 3.4: HMAC-SHA1 over method, base address and every parameter (those of the query are added here).
fn sign(method: &str, url: &Url, params: &[(String, String)], consumer_secret: &str, token_secret: &str) -> String {
    let query = url.query_pairs().map(|(name, value)| (encoded(&name), encoded(&value)));
    let mut all: Vec<(String, String)> =
        params.iter().map(|(name, value)| (encoded(name), encoded(value))).chain(query).collect();
    all.sort();
    let joined: Vec<String> = all.into_iter().map(|(name, value)| format!("{name}={value}")).collect();
    let mut base_address = url.clone();
    base_address.set_query(None);
    base_address.set_fragment(None);
    let base = format!("{method}&{}&{}", encoded(base_address.as_str()), encoded(&joined.join("&")));
    let key = Zeroizing::new(format!("{}&{}", encoded(consumer_secret), encoded(token_secret)));
    STANDARD.encode(mac(Algorithm::Sha1, key.as_bytes(), std::iter::once(base.as_bytes())))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn signed(method: &str, url: &str, params: &[(&str, &str)], consumer_secret: &str, token_secret: &str) -> String {
        let params: Vec<_> = params.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect();
        sign(method, &Url::parse(url).unwrap(), &params, consumer_secret, token_secret)
    }

    #[test]
    fn the_example_of_rfc_5849_gives_its_signature() {
        let params = [
            ("oauth_consumer_key", "dpf43f3p2l4k3l03"),
            ("oauth_token", "nnch734d00sl2jdk"),
            ("oauth_signature_method", "HMAC-SHA1"),
            ("oauth_timestamp", "137131202"),
            ("oauth_nonce", "chapoH"),
        ];
        let url = "http://photos.example.net/photos?file=vacation.jpg&size=original";
        let signature = signed("GET", url, &params, "kd94hf93k423kf44", "pfkkdhi9sl3r4s00");
        assert_eq!(signature, "MdpQcU8iPSUjWoN/UDMsK2sui9I=");
    }

    #[test]
    fn the_example_of_xs_documentation_gives_its_signature() {
        let params = [
            ("status", "Hello Ladies + Gentlemen, a signed OAuth request!"),
            ("oauth_consumer_key", "xvz1evFS4wEEPTGEFPHBog"),
            ("oauth_nonce", "kYjzVBB8Y0ZFabxSWbWovY3uYSQ2pTgmZeNu2VS4cg"),
            ("oauth_signature_method", "HMAC-SHA1"),
            ("oauth_timestamp", "1318622958"),
            ("oauth_token", "370773112-GmHxMAgYyLbNEtIKZeRNFsMKPR9EyMZeS9weJAEb"),
            ("oauth_version", "1.0"),
        ];
        let url = "https://api.x.com/1.1/statuses/update.json?include_entities=true";
        let consumer_secret = "kAcSOqF21Fu85e7zjz7ZN2U4ZRhfV3WpwPAoE3Z7kBw";
        let token_secret = "LswwdoUaIvS8ltyTt5jkRh4J50vUPVVHtR2YPi5kE";
        assert_eq!(signed("POST", url, &params, consumer_secret, token_secret), "Ls93hJiZbQ3akF3HF3x1Bz8/zU4=");
    }
}
