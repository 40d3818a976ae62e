//! What an admin reads about each bundled channel: the same in both languages, and the same on its page as beside the form.
//!
//! The pages' chapters on connecting are written from the texts: `SAMBUNG_WRITE_READMES=1` writes them again.

use std::collections::BTreeSet;
use std::path::Path;

use sambung_runtime::manifest::settings;
use sambung_tests::api::Api;
use sambung_tests::host::Host;
use serde_json::Value;

/// Words of the page itself, in one language.
struct Words {
    language: &'static str,
    heading: &'static str,
    first: &'static str,
    then: &'static str,
    copy: &'static str,
    optional: &'static str,
    addresses: [(&'static str, &'static str); 3],
}

const WORDS: [Words; 2] = [
    Words {
        language: "en",
        heading: "## Connecting (English)",
        first: "First the operator, once for all channels:",
        then: "Then, for each channel:",
        copy: "Shown there to be copied:",
        optional: "optional",
        addresses: [
            ("webhook_url", "webhook URL"),
            ("redirect_url", "redirect URL"),
            ("forwarding_address", "forwarding address"),
        ],
    },
    Words {
        language: "id",
        heading: "## Menghubungkan (Bahasa Indonesia)",
        first: "Lebih dahulu operator, satu kali untuk semua kanal:",
        then: "Lalu, untuk setiap kanal:",
        copy: "Ditampilkan di sana untuk disalin:",
        optional: "opsional",
        addresses: [
            ("webhook_url", "URL webhook"),
            ("redirect_url", "URL redirect"),
            ("forwarding_address", "alamat penerusan"),
        ],
    },
];

/// What the connect form gets from the server, in one language.
struct Shown {
    words: &'static Words,
    texts: Value,
    channel: Value,
    app: Option<Value>,
}

impl Shown {
    async fn of(api: &Api, plugin: &str, words: &'static Words) -> Shown {
        let ask = async |path: String| {
            let request = api.request("GET", &path).header("accept-language", words.language);
            let answer = request.send().await.unwrap();
            assert_eq!(answer.status().as_u16(), 200, "{path}");
            answer.json::<Value>().await.unwrap()
        };
        let texts = ask(format!("/v1/plugins/{plugin}")).await;
        let channel = ask(format!("/v1/plugins/{plugin}/settings-schema")).await;
        let app = match texts["has_apps"] == true {
            true => Some(ask(format!("/v1/plugins/{plugin}/settings-schema?of=app")).await),
            false => None,
        };
        Shown { words, texts, channel, app }
    }

    fn steps(&self, of: &str) -> Vec<&Value> {
        self.texts["instructions"].as_array().unwrap().iter().filter(|step| step["of"] == of).collect()
    }

    /// The page's chapter on connecting.
    fn chapter(&self) -> String {
        let mut chapter = format!("{}\n", self.words.heading);
        if let Some(app) = &self.app {
            chapter += &format!("\n{}\n\n{}{}", self.words.first, self.list("app"), self.fields(app));
            chapter += &format!("\n{}\n", self.words.then);
        }
        chapter += &format!("\n{}{}", self.list("channel"), self.fields(&self.channel));
        chapter
    }

    fn list(&self, of: &str) -> String {
        let line = |(at, step): (usize, &&Value)| {
            let mut line = format!("{}. {}", at + 1, code(step["text"].as_str().unwrap()));
            if let Some(link) = step["link"].as_str() {
                let site = link.trim_start_matches("https://").split('/').next().unwrap_or_default();
                line += &format!(" [{site}]({link})");
            }
            if let Some(copy) = step["copy"].as_str() {
                let known = self.words.addresses.iter().find(|(name, _)| *name == copy);
                line += &format!(" {} *{}*.", self.words.copy, known.map_or(copy, |(_, words)| words));
            }
            line + "\n"
        };
        self.steps(of).iter().enumerate().map(line).collect::<String>() + "\n"
    }

    /// The fields of a form, and below the title of each branch its own.
    fn fields(&self, form: &Value) -> String {
        let chooses = settings::discriminator(form);
        let mut list = self.of_part(form, chooses, "");
        for branch in form["oneOf"].as_array().into_iter().flatten() {
            let own = self.of_part(branch, chooses, "    ");
            list += &format!("  - *{}*\n{own}", branch["title"].as_str().unwrap());
        }
        list
    }

    /// The field by which a branch is chosen comes last: the branches follow it.
    fn of_part(&self, part: &Value, chooses: Option<&str>, indent: &str) -> String {
        let mut fields: Vec<(&String, &Value)> = part["properties"].as_object().unwrap().iter().collect();
        fields.retain(|(_, field)| field.get("const").is_none());
        fields.sort_by_key(|(name, field)| (Some(name.as_str()) == chooses, field["x-order"].as_u64()));
        let required: BTreeSet<&str> =
            part["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        let line = |(name, field): (&String, &Value)| {
            let own = &self.texts["fields"][name];
            let title = own["title"].as_str().or(field["title"].as_str()).unwrap();
            let is_set =
                required.contains(name.as_str()) || field["readOnly"] == true || field.get("default").is_some();
            let optional = if is_set { String::new() } else { format!(" ({})", self.words.optional) };
            let help = [&field["description"], &own["help"]].into_iter().filter_map(Value::as_str).map(code);
            let placeholder = own["placeholder"].as_str().or(field["x-placeholder"].as_str());
            let choices = if Some(name.as_str()) == chooses { String::new() } else { choices(field) };
            let said = help.chain(placeholder.map(|text| format!("`{text}`"))).chain(Some(choices));
            let said: Vec<String> = said.filter(|text| !text.is_empty()).collect();
            let colon = if said.is_empty() { "" } else { ": " };
            format!("{indent}- **{title}**{optional}{colon}{}\n", said.join(" "))
        };
        fields.into_iter().map(line).collect()
    }
}

/// What a field lets somebody choose from.
fn choices(field: &Value) -> String {
    let labels = field["x-labels"].as_array().or(field["enum"].as_array());
    labels
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .map(|label| format!("*{label}*"))
        .collect::<Vec<_>>()
        .join(", ")
}

/// A text as Markdown shows it: tags as code.
fn code(text: &str) -> String {
    let (mut shown, mut rest) = (String::new(), text);
    while let Some(start) = rest.find('<') {
        let tags = &rest[start..];
        let mut end = 0;
        while tags[end..].starts_with('<') {
            end += tags[end..].find('>').map_or(tags.len() - end, |at| at + 1);
        }
        shown += &format!("{}`{}`", &rest[..start], &tags[..end]);
        rest = &tags[end..];
    }
    shown + rest
}

/// The page with this chapter in the place of its own.
fn with(page: &str, chapter: &str, heading: &str) -> String {
    let start = page.find(heading).unwrap_or_else(|| panic!("no chapter `{heading}`"));
    let end = page[start + 1..].find("\n## ").map_or(page.len(), |at| start + 2 + at);
    format!("{}{chapter}\n{}", &page[..start], &page[end..])
}

#[tokio::test]
async fn every_channel_s_page_tells_what_the_form_tells() {
    let host = Host::start("").await;
    let write = std::env::var_os("SAMBUNG_WRITE_READMES").is_some();
    for plugin in sambung_bundle::BUNDLED {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../plugins").join(plugin.id).join("README.md");
        let page = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", plugin.id));
        let mut whole = page.clone();
        for words in &WORDS {
            let chapter = Shown::of(host.api(), plugin.id, words).await.chapter();
            whole = with(&whole, &chapter, words.heading);
        }
        if write {
            std::fs::write(&path, &whole).unwrap();
        } else {
            assert_eq!(page, whole, "{}: SAMBUNG_WRITE_READMES=1 writes the page again", plugin.id);
        }
    }
}

/// Nobody reads less in one language than in the other, nor the other one's words.
#[tokio::test]
async fn the_texts_of_both_languages_speak_of_the_same_things() {
    let host = Host::start("").await;
    for plugin in sambung_bundle::BUNDLED {
        let [english, indonesian] =
            [Shown::of(host.api(), plugin.id, &WORDS[0]).await, Shown::of(host.api(), plugin.id, &WORDS[1]).await];
        let outline = |shown: &Shown| {
            let steps = shown.texts["instructions"].as_array().unwrap().iter();
            steps.map(|step| ["anchor", "of", "link", "copy"].map(|key| step[key].clone())).collect::<Vec<_>>()
        };
        assert_eq!(outline(&english), outline(&indonesian), "{}", plugin.id);
        let codes = |shown: &Shown| shown.texts["reasons"].as_object().unwrap().keys().cloned().collect::<Vec<_>>();
        assert_eq!(codes(&english), codes(&indonesian), "{}", plugin.id);
        let said = |shown: &Shown| {
            let steps = shown.texts["instructions"].as_array().unwrap().iter().map(|step| &step["text"]);
            let reasons = shown.texts["reasons"].as_object().unwrap().values();
            std::iter::once(&shown.texts["description"]).chain(steps).chain(reasons).cloned().collect::<Vec<_>>()
        };
        for (one, other) in said(&english).iter().zip(&said(&indonesian)) {
            assert_ne!(one, other, "{}: not translated", plugin.id);
        }
    }
}
