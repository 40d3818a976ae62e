//! Settings forms as authors write them, and values as admins send them.

use std::sync::LazyLock;

use sambung_runtime::manifest::settings;
use sambung_runtime::manifest::{self, Manifest};
use sambung_sdk::settings::Settings;
use serde_json::Value;

static MANIFEST: LazyLock<Manifest> =
    LazyLock::new(|| manifest::read(crate::recipes::MANIFESTS[6]).expect("a manifest"));
/// The forms of channels that come with the host.
static FORMS: LazyLock<Vec<Value>> = LazyLock::new(|| {
    vec![
        sambung_plugin_whatsapp::WhatsApp::settings_schema("channel", "en"),
        sambung_plugin_webchat::Webchat::settings_schema("channel", "en"),
        sambung_plugin_x::X::settings_schema("channel", "en"),
    ]
});

/// Values, or an object of a form (`schema`) and `values`.
pub fn run(data: &[u8]) {
    let Ok(given) = serde_json::from_slice::<Value>(data) else { return };
    FORMS.iter().for_each(|form| fill_in(form, &given));
    let (form, values) = (&given["schema"], &given["values"]);
    match settings::lint(form, &MANIFEST) {
        Ok(()) => fill_in(form, values),
        Err(faults) => assert!(!faults.is_empty()),
    }
}

fn fill_in(form: &Value, values: &Value) {
    let faults = settings::validate(form, values);
    for fault in &faults {
        // A pointer into the values, or at their whole.
        assert!(!format!("{fault:?}").is_empty());
    }
    settings::validate_update(form, values, &|_| true);
    let secret: Vec<String> = settings::all_fields(form)
        .iter()
        .filter(|field| field.secret().is_some())
        .map(|field| field.name.to_owned())
        .collect();
    let (plain, _) = settings::split(form, values);
    let shown = settings::public(form, values);
    for name in secret {
        assert!(faults.iter().any(|_| true) || plain.get(&name).is_none(), "the secret {name} is stored plainly");
        assert!(shown.get(&name).is_none(), "the secret {name} is shown");
    }
}
